//! One spelling for certificate serial numbers.
//!
//! DER writes a serial as a signed integer, so tools differ in leading zeros, capitals and colons. A
//! revocation that misses its certificate because of spelling would be silent, so every serial passes
//! through here: lower-case hex, whole bytes, no leading zero byte.

use data_encoding::HEXLOWER;

/// The canonical text of a serial given as big-endian bytes.
pub(crate) fn from_bytes(bytes: &[u8]) -> String {
    let significant = bytes.iter().position(|byte| *byte != 0).unwrap_or(bytes.len());
    HEXLOWER.encode(&bytes[significant..])
}

/// The canonical text of a serial that a person or another tool wrote.
pub(crate) fn from_text(text: &str) -> String {
    let digits: String =
        text.chars().filter(char::is_ascii_hexdigit).map(|digit| digit.to_ascii_lowercase()).collect();
    let significant = digits.trim_start_matches('0');
    if significant.len() % 2 == 1 { format!("0{significant}") } else { significant.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_usual_spelling_of_one_serial_is_the_same() {
        let expected = from_bytes(&[0x00, 0x0a, 0xbc, 0x00]);
        assert_eq!(expected, "0abc00");
        for spelling in ["0abc00", "0A:BC:00", "00:0a:bc:00", "abc00", " ABC00\n"] {
            assert_eq!(from_text(spelling), expected, "{spelling:?}");
        }
    }
}
