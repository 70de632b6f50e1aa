use std::collections::BTreeMap;

use super::*;
use crate::node;

#[derive(Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct Thing {
    size: u16,
    colour: Option<Colour>,
    on: Option<bool>,
    parts: Option<Vec<u8>>,
    inner: Option<BTreeMap<String, Thing>>,
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Colour {
    Red,
    Green,
}

fn faults(text: &str) -> Vec<String> {
    let mut faults = Vec::new();
    let root = node::parse(text, &mut faults);
    if let Some(root) = &root {
        read::<Thing>(root, &mut faults);
    }
    faults.sort_by_key(|(place, _)| *place);
    faults
        .into_iter()
        .map(|(place, complaint)| {
            let help = complaint.help.unwrap_or_default();
            format!("{}:{} {} ({help})", place.line, place.column, complaint.message)
        })
        .collect()
}

#[test]
fn every_fault_of_a_document_is_found_in_one_run() {
    let text = "size: big\ncolour: rd\non: yes\nparts: [1, x, 300]\nszie: 3\ninner:\n  a: { colour: [] }\n";
    assert_eq!(
        faults(text),
        [
            "1:7 `size` must be a whole number from 0 to 65535, found text ()",
            "2:9 `colour` cannot be `rd` (did you mean `red`?)",
            "3:5 `on` must be `true` or `false`, found text (write `true`)",
            "4:12 this value must be a whole number from 0 to 255, found text ()",
            "4:15 this value must be a whole number from 0 to 255, found the number `300` ()",
            "5:1 there is no section `szie` (did you mean `size`?)",
            "7:3 `a` lacks the key `size` (add `size: …`)",
            "7:8 `colour` must be text, found a list ()",
        ]
    );
}

#[test]
fn a_misspelt_key_is_not_also_reported_as_missing() {
    assert_eq!(faults("sise: 1\n"), ["1:1 there is no section `sise` (did you mean `size`?)"]);
}

#[test]
fn a_key_without_value_is_not_taken_for_an_absent_one() {
    assert_eq!(faults("size: 1\ncolour:\n"), ["2:1 `colour` has no value (write one, or delete the key)"]);
}

#[test]
fn aliases_and_merges_give_their_values_and_the_place_of_their_definition() {
    let text = "size: &n 4\ninner:\n  a: &a { size: *n, colour: grean }\n  b: { <<: *a, size: 5 }\n";
    assert_eq!(
        faults(text),
        [
            "3:29 `colour` cannot be `grean` (did you mean `green`?)",
            "3:29 `colour` cannot be `grean` (did you mean `green`?)",
        ]
    );
    let mut none = Vec::new();
    let root = node::parse("size: 1\ninner:\n  a: &a { size: 2 }\n  b: { <<: *a, on: True }\n", &mut none);
    let thing: Thing = read(&root.expect("a document"), &mut none).expect("a thing");
    assert_eq!(none, []);
    let b = &thing.inner.expect("inner")["b"];
    assert_eq!((b.size, b.on), (2, Some(true)));
}
