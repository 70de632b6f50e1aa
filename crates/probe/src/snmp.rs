//! What is asked of a device by SNMP (RFC 3416), how much at once, how long its answer is awaited, and
//! when it is left alone.
//!
//! - [`walk`]: reads columns of a table in few requests whose replies fit a datagram.
//! - [`pace`]: how large, how many and how patient the requests to one device are.
//! - [`quarantine`]: a device that does not answer is tried more rarely, and at little cost.
//!
//! The types of this module are what a walk sees of a message; how they travel is the shell's.

pub mod pace;
pub mod quarantine;
pub mod walk;

/// An object name.
pub type Oid = Vec<u32>;

/// A value as a device gave it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Datum {
    /// `Counter32`.
    Counter32(u32),
    /// `Counter64`.
    Counter64(u64),
    /// `TimeTicks`, hundredths of a second.
    Ticks(u32),
    /// An integer or gauge.
    Number(i64),
    /// An octet string.
    Text(Vec<u8>),
    /// An object name.
    Name(Oid),
    /// There is no such object or instance.
    Missing,
    /// The end of what may be seen.
    End,
    /// A type that has no use here.
    Other,
}

impl Datum {
    /// The ticks, if it is that.
    pub fn ticks(&self) -> Option<u32> {
        match self {
            Self::Ticks(ticks) => Some(*ticks),
            _ => None,
        }
    }

    /// The whole number, if it is one of any type.
    pub fn number(&self) -> Option<i64> {
        match self {
            Self::Number(n) => Some(*n),
            Self::Counter32(n) | Self::Ticks(n) => Some(i64::from(*n)),
            Self::Counter64(n) => i64::try_from(*n).ok(),
            _ => None,
        }
    }

    /// The text, without the padding of zeros and spaces that some devices add; `None` where nothing is left.
    pub fn text(&self) -> Option<String> {
        let Self::Text(bytes) = self else { return None };
        let text = String::from_utf8_lossy(bytes);
        let text = text.trim_matches(|c: char| c == '\0' || c.is_whitespace());
        (!text.is_empty()).then(|| text.to_owned())
    }
}

/// A name with its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binding {
    /// The object.
    pub oid: Oid,
    /// Its value.
    pub value: Datum,
}

impl Binding {
    /// The bytes that it takes in a message (BER, X.690): three headers, the name in base 128, the value.
    pub fn encoded_len(&self) -> usize {
        let name = name_len(&self.oid);
        let value = match &self.value {
            Datum::Counter32(n) | Datum::Ticks(n) => unsigned_len(u64::from(*n)),
            Datum::Counter64(n) => unsigned_len(*n),
            Datum::Number(n) => signed_len(*n),
            Datum::Text(text) => text.len(),
            Datum::Name(oid) => name_len(oid),
            Datum::Missing | Datum::End => 0,
            Datum::Other => 5,
        };
        let inner = header_len(name) + name + header_len(value) + value;
        header_len(inner) + inner
    }
}

/// The first two arcs share a byte (X.690 8.19.4).
fn name_len(oid: &[u32]) -> usize {
    let arcs = |arcs: &[u32]| -> usize {
        arcs.iter().map(|&arc| (32 - arc.leading_zeros()).div_ceil(7).max(1) as usize).sum()
    };
    1 + arcs(oid.get(2..).unwrap_or_default())
}

/// A number's leading bit is its sign, so 128 takes two bytes.
fn unsigned_len(n: u64) -> usize {
    ((64 - n.leading_zeros()) / 8 + 1) as usize
}

fn signed_len(n: i64) -> usize {
    let bits = 65 - if n < 0 { n.leading_ones() } else { n.leading_zeros() };
    bits.div_ceil(8).max(1) as usize
}

fn header_len(content: usize) -> usize {
    match content {
        0..=0x7f => 2,
        0x80..=0xff => 3,
        _ => 4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn length(oid: &[u32], value: Datum) -> usize {
        Binding { oid: oid.to_vec(), value }.encoded_len()
    }

    /// Compared with what `snmpget -d` of net-snmp 5.9 shows of the same bindings.
    #[test]
    fn lengths_are_those_on_the_wire() {
        let octets = [1, 3, 6, 1, 2, 1, 31, 1, 1, 1, 6, 1];
        assert_eq!(length(&octets, Datum::Counter64(0)), 2 + 2 + 11 + 2 + 1);
        assert_eq!(length(&octets, Datum::Counter64(127)), 18);
        assert_eq!(length(&octets, Datum::Counter64(128)), 19);
        assert_eq!(length(&octets, Datum::Counter64(u64::MAX)), 26);
        assert_eq!(length(&octets, Datum::Number(-1)), 18);
        assert_eq!(length(&octets, Datum::Number(-129)), 19);
        assert_eq!(length(&octets, Datum::Number(128)), 19);
        assert_eq!(length(&octets, Datum::Text(vec![0; 200])), 3 + 2 + 11 + 3 + 200);
        assert_eq!(length(&[1, 3, 128, 16_384], Datum::Missing), 2 + 2 + 1 + 2 + 3 + 2);
    }

    #[test]
    fn text_without_content_is_no_text() {
        assert_eq!(Datum::Text(b" \0".to_vec()).text(), None);
        assert_eq!(Datum::Text(b"ge-0/0/1\0".to_vec()).text(), Some("ge-0/0/1".to_owned()));
        assert_eq!(Datum::Number(1).text(), None);
    }
}
