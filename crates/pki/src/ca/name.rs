//! A name read from one certificate, to be written into another.

use rcgen::string::{BmpString, Ia5String, PrintableString, TeletexString, UniversalString};
use rcgen::{DistinguishedName, DnType, DnValue};
use x509_parser::der_parser::asn1_rs::Tag;
use x509_parser::x509::X509Name;

/// The name, part for part with the same kinds of text; `None` for a form that the certificate writer cannot
/// hold. Whether it is repeated byte for byte is for the caller to compare.
pub(super) fn of(name: &X509Name<'_>) -> Option<DistinguishedName> {
    let mut out = DistinguishedName::new();
    for part in name.iter() {
        let mut attributes = part.iter();
        let (Some(attribute), None) = (attributes.next(), attributes.next()) else { return None };
        let kind = DnType::from_oid(&attribute.attr_type().iter()?.collect::<Vec<u64>>());
        let data = attribute.attr_value().data;
        let text = || std::str::from_utf8(data).ok();
        let value = match attribute.attr_value().header.tag() {
            Tag::Utf8String => DnValue::Utf8String(text()?.to_owned()),
            Tag::PrintableString => DnValue::PrintableString(PrintableString::try_from(text()?).ok()?),
            Tag::Ia5String => DnValue::Ia5String(Ia5String::try_from(text()?).ok()?),
            Tag::T61String => DnValue::TeletexString(TeletexString::try_from(text()?).ok()?),
            Tag::BmpString => DnValue::BmpString(BmpString::from_utf16be(data.to_vec()).ok()?),
            Tag::UniversalString => {
                DnValue::UniversalString(UniversalString::from_utf32be(data.to_vec()).ok()?)
            }
            _ => return None,
        };
        out.push(kind, value);
    }
    Some(out)
}
