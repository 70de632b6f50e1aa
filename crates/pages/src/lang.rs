//! The two languages of the pages.

/// A language of the pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Lang {
    /// English, left to right.
    #[default]
    En,
    /// Arabic, right to left.
    Ar,
}

impl Lang {
    /// Both languages.
    pub const ALL: [Self; 2] = [Self::En, Self::Ar];

    /// The language tag: `en` or `ar`, as in `?lang=ar` and in the `lang` attribute.
    pub fn tag(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::Ar => "ar",
        }
    }

    /// The value of the `dir` attribute.
    pub fn dir(self) -> &'static str {
        match self {
            Self::En => "ltr",
            Self::Ar => "rtl",
        }
    }

    /// The other language.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::En => Self::Ar,
            Self::Ar => Self::En,
        }
    }

    /// The language's name in itself.
    pub fn own_name(self) -> &'static str {
        match self {
            Self::En => "English",
            Self::Ar => "العربية",
        }
    }

    /// The language for a tag such as `ar` or `ar-PS`.
    pub fn from_tag(tag: &str) -> Option<Self> {
        let primary = tag.split(['-', '_']).next().unwrap_or_default();
        Self::ALL.into_iter().find(|l| l.tag().eq_ignore_ascii_case(primary))
    }

    /// What an `Accept-Language` header asks for first among the two (RFC 9110, 12.5.4); English
    /// when it asks for neither.
    pub fn preferred(accept_language: &str) -> Self {
        let mut best = (0.0, Self::En);
        for item in accept_language.split(',') {
            let mut parts = item.split(';').map(str::trim);
            let Some(lang) = parts.next().and_then(Self::from_tag) else {
                continue;
            };
            let quality =
                parts.find_map(|p| p.strip_prefix("q=")).map_or(1.0, |q| q.trim().parse().unwrap_or(0.0));
            if quality > best.0 {
                best = (quality, lang);
            }
        }
        best.1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_decides_by_quality_and_order() {
        assert_eq!(Lang::preferred("ar-PS,ar;q=0.9,en;q=0.8"), Lang::Ar);
        assert_eq!(Lang::preferred("en;q=0.5, ar;q=0.7"), Lang::Ar);
        assert_eq!(Lang::preferred("en, ar"), Lang::En);
        assert_eq!(Lang::preferred("fr, ar;q=0"), Lang::En);
        assert_eq!(Lang::preferred(""), Lang::En);
        assert_eq!(Lang::preferred("arn"), Lang::En, "Mapudungun is not Arabic");
    }
}
