//! Text that institutions write in their own two languages.

use serde::{Deserialize, Serialize};

/// A text in English and, where it was given, in Arabic.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Localized {
    /// English; also shown where a language has no text of its own.
    pub en: String,
    /// Arabic.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ar: Option<String>,
}

impl Localized {
    /// The text for a language tag (`ar`, `en`), falling back to English.
    pub fn get(&self, lang: &str) -> &str {
        match (lang, &self.ar) {
            ("ar", Some(ar)) => ar,
            _ => &self.en,
        }
    }
}

impl From<&str> for Localized {
    fn from(en: &str) -> Self {
        Self { en: en.to_owned(), ar: None }
    }
}
