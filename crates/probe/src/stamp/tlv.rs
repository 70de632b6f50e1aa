//! The extensions that may follow a test packet (RFC 8972, section 4): type, length, value.
//!
//! They are carried back as they came, marked as not understood. None is obeyed: what some ask for, such as
//! a reply to another address or of another length, is what would make a reflector a weapon.

/// Octets before each value: flags, type, and the value's length.
const HEADER: usize = 4;
/// The type of padding, which there is nothing to understand about.
const PADDING: u8 = 1;

/// Flag: not understood.
pub const UNRECOGNIZED: u8 = 0x80;
/// Flag: goes beyond the packet's end.
pub const MALFORMED: u8 = 0x40;
/// Flag: not covered by a code that was checked.
pub const UNPROTECTED: u8 = 0x20;

/// One extension.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tlv<'a> {
    /// The flags as they came.
    pub flags: u8,
    /// The type.
    pub kind: u8,
    /// The value.
    pub value: &'a [u8],
}

/// Takes the extensions apart, up to the first that goes beyond the end.
pub fn each(mut bytes: &[u8]) -> impl Iterator<Item = Tlv<'_>> {
    std::iter::from_fn(move || {
        let header = bytes.first_chunk::<HEADER>()?;
        let length = usize::from(u16::from_be_bytes([header[2], header[3]]));
        let value = bytes.get(HEADER..HEADER + length)?;
        let tlv = Tlv { flags: header[0], kind: header[1], value };
        bytes = &bytes[HEADER + length..];
        Some(tlv)
    })
}

/// The extensions for the reply: the same octets, with the flags that section 4 of RFC 8972 asks of a
/// reflector. In an authenticated session they are unprotected too, since their own code (section 4.8) is
/// not checked. Never longer than what came.
pub fn reflected(bytes: &[u8], authenticated: bool) -> Vec<u8> {
    let mut out = bytes.to_vec();
    let mut at = 0;
    while let Some(header) = bytes.get(at..).and_then(|rest| rest.first_chunk::<HEADER>()) {
        let end = at + HEADER + usize::from(u16::from_be_bytes([header[2], header[3]]));
        let known = header[1] == PADDING;
        out[at] = header[0] & !(UNRECOGNIZED | MALFORMED | UNPROTECTED)
            | if known { 0 } else { UNRECOGNIZED }
            | if end > bytes.len() { MALFORMED } else { 0 }
            | if authenticated { UNPROTECTED } else { 0 };
        at = end;
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_not_understood_comes_back_marked_and_else_unchanged() {
        let came = [UNRECOGNIZED, 1, 0, 2, 7, 7, UNRECOGNIZED, 3, 0, 1, 9, 0, 200, 0, 3, 1];
        let mut back = came;
        back[0] = 0;
        back[11] = UNRECOGNIZED | MALFORMED;
        assert_eq!(reflected(&came, false), back);
        assert_eq!(reflected(&came, true)[0], UNPROTECTED);
        let kinds: Vec<_> = each(&came).map(|tlv| (tlv.kind, tlv.value.len())).collect();
        assert_eq!(kinds, [(1, 2), (3, 1)], "the third goes beyond the end");
    }

    proptest! {
        #[test]
        fn any_octets_come_back_in_the_same_number(bytes: Vec<u8>, authenticated: bool) {
            prop_assert_eq!(reflected(&bytes, authenticated).len(), bytes.len());
            prop_assert!(each(&bytes).map(|tlv| tlv.value.len() + HEADER).sum::<usize>() <= bytes.len());
        }
    }
}
