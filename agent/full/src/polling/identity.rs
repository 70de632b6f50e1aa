//! What an interface is called, and by that which series it has.
//!
//! An interface is known by what people call it, never by its `ifIndex`: a device may number its interfaces
//! anew at each restart, and a history that followed the number would mix one port's traffic with
//! another's. Where a device gives one name to several interfaces, each is told apart by something
//! else that stays with it: its alias, its hardware address, its description. Only interfaces that differ
//! in nothing are counted through, and then a change of their numbers voids what lies between.
//!
//! An interface that is made anew has another number, and often another hardware address; devices go on listing the
//! one that is gone (net-snmp 5.9 for five minutes, as disabled and down). A name that was one interface's therefore
//! stays with the one that lives, and the others of that name are remains.
//!
//! Pure.

use std::collections::{BTreeMap, HashMap, HashSet};

use wasl_model::{EntityKind, Subject};

/// An interface's name and its device's, within the limit of a subject, leave room for what tells it apart.
const NAME_BYTES: usize = 150;
/// And that may take so much.
const TAIL_BYTES: usize = 40;
/// So many names are remembered.
const MOST_NAMES: usize = 10_000;

/// What a device says about who an interface is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Label {
    /// `ifName`.
    pub name: Option<String>,
    /// `ifAlias`.
    pub alias: Option<String>,
    /// `ifPhysAddress`.
    pub hardware: Option<String>,
    /// `ifDescr`.
    pub description: Option<String>,
    /// It is neither disabled (`ifAdminStatus`) nor away (`notPresent` in `ifOperStatus`), as far as is known.
    pub alive: bool,
}

/// Whose series an interface's numbers are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identity {
    pub subject: Subject,
    /// Nothing but its number tells it from another.
    pub by_number: bool,
}

/// What a device's names have meant so far.
#[derive(Debug, Clone, Default)]
pub(crate) struct Names(HashMap<String, Meaning>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meaning {
    /// One interface, and its number.
    One(u32),
    /// Several; one whose namesake is unplugged keeps its series.
    Several,
}

impl Names {
    /// Which of the interfaces of this name it stands for; none if for several.
    fn one_of(&mut self, name: &str, members: &[u32], labels: &BTreeMap<u32, Label>) -> Option<u32> {
        let known = self.0.get(name).copied();
        let alive: Vec<u32> = members.iter().copied().filter(|index| labels[index].alive).collect();
        let one = match (known, members, alive.as_slice()) {
            (None | Some(Meaning::One(_)), &[one], _) | (Some(Meaning::One(_)), _, &[one]) => Some(one),
            (Some(Meaning::One(before)), _, &[]) if members.contains(&before) => Some(before),
            (Some(Meaning::One(_)), _, &[]) => members.last().copied(),
            _ => None,
        };
        if known.is_some() || self.0.len() < MOST_NAMES {
            self.0.insert(name.to_owned(), one.map_or(Meaning::Several, Meaning::One));
        }
        one
    }
}

/// Whether more than the names has to be read to tell these apart.
pub(crate) fn names_suffice<'a>(names: impl IntoIterator<Item = Option<&'a str>>) -> bool {
    let mut seen = HashSet::new();
    names.into_iter().all(|name| name.is_some_and(|name| seen.insert(name)))
}

/// Who the interfaces of `device` are, by `ifIndex`. Different interfaces have different subjects; what remains of
/// one that was replaced has none.
pub(crate) fn identify(
    device: &str,
    labels: &BTreeMap<u32, Label>,
    names: &mut Names,
) -> BTreeMap<u32, Identity> {
    let base = |index: u32, label: &Label| {
        let known = [&label.name, &label.description, &label.alias, &label.hardware];
        let text = known.into_iter().find_map(Option::as_deref);
        let text = text.map_or_else(|| format!("if{index}"), str::to_owned);
        id(&format!("{device}/{}", cut(&text, NAME_BYTES.saturating_sub(device.len()))))
    };
    let mut groups: BTreeMap<String, Vec<u32>> = BTreeMap::new();
    for (&index, label) in labels {
        groups.entry(base(index, label)).or_default().push(index);
    }
    let (mut found, mut taken, mut several) = (BTreeMap::new(), HashSet::new(), Vec::new());
    for (name, members) in &groups {
        if let Some(one) = names.one_of(name, members, labels) {
            taken.insert(name.clone());
            found.insert(one, Identity { subject: subject(name), by_number: false });
        } else {
            several.push((name, members));
        }
    }
    for (name, members) in several {
        let mut tails: Vec<(String, bool, u32)> = Vec::new();
        let mut unknown = 0;
        let apart = Apart::new(labels, members);
        for &index in members {
            tails.push(apart.tail(&labels[&index]).map_or_else(
                || {
                    unknown += 1;
                    (unknown.to_string(), true, index)
                },
                |tail| (tail, false, index),
            ));
        }
        // Not in the order of the numbers, which is another tomorrow.
        tails.sort();
        for (tail, by_number, index) in tails {
            let mut text = id(&format!("{name}~{tail}"));
            while !taken.insert(text.clone()) {
                text.push('~');
            }
            found.insert(index, Identity { subject: subject(&text), by_number });
        }
    }
    found
}

/// What tells interfaces of one name apart.
struct Apart<'a> {
    /// How many have each text, for each kind of text.
    seen: [HashMap<&'a str, usize>; 3],
}

impl<'a> Apart<'a> {
    fn new(labels: &'a BTreeMap<u32, Label>, members: &[u32]) -> Self {
        let mut seen = <[HashMap<&str, usize>; 3]>::default();
        for label in members.iter().filter_map(|index| labels.get(index)) {
            for (kind, text) in Self::texts(label).into_iter().enumerate() {
                if let Some(text) = text {
                    *seen[kind].entry(text).or_default() += 1;
                }
            }
        }
        Self { seen }
    }

    fn texts(label: &Label) -> [Option<&str>; 3] {
        [&label.alias, &label.hardware, &label.description]
            .map(|text| text.as_deref().map(|t| cut(t, TAIL_BYTES)))
    }

    /// The first text that no other of them has.
    fn tail(&self, label: &Label) -> Option<String> {
        let mut texts = Self::texts(label).into_iter().enumerate();
        let unique = |(kind, text): (usize, Option<&str>)| {
            text.filter(|text| self.seen[kind].get(text) == Some(&1)).map(str::to_owned)
        };
        texts.find_map(unique)
    }
}

/// Within the limits of a subject.
fn id(text: &str) -> String {
    subject(text).id
}

fn subject(text: &str) -> Subject {
    Subject::lenient(EntityKind::Interface, text)
}

fn cut(text: &str, most: usize) -> &str {
    let mut end = text.len().min(most);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn named(name: &str) -> Label {
        Label { name: Some(name.to_owned()), alive: true, ..Label::default() }
    }

    fn with(name: &str, alias: &str, hardware: &str) -> Label {
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Label {
            name: some(name),
            alias: some(alias),
            hardware: some(hardware),
            description: None,
            alive: true,
        }
    }

    fn ids(labels: &[(u32, Label)]) -> Vec<String> {
        let labels = labels.iter().cloned().collect();
        identify("sw", &labels, &mut Names::default()).into_values().map(|i| i.subject.id).collect()
    }

    #[test]
    fn a_name_gives_way_to_the_next_thing_that_is_known() {
        let described = Label { description: Some("Port three".into()), ..Label::default() };
        let labels = [
            (1, named("Gi0/1")),
            (3, described),
            (4, Label::default()),
            (5, with("", "uplink", "")),
            (6, with("", "", "00:11:22:33:44:55")),
        ];
        assert_eq!(
            ids(&labels),
            ["sw/Gi0/1", "sw/Port three", "sw/if4", "sw/uplink", "sw/00:11:22:33:44:55"]
        );
    }

    #[test]
    fn doubles_are_told_apart_by_what_stays_with_them() {
        let labels = [
            (1, with("lan", "to Jenin", "00:00:00:00:00:01")),
            (2, with("lan", "", "00:00:00:00:00:02")),
            (3, with("lan", "", "00:00:00:00:00:02")),
            (4, with("lan", "", "00:00:00:00:00:02")),
            (5, named("lan~1")),
        ];
        assert_eq!(ids(&labels), ["sw/lan~to Jenin", "sw/lan~1~", "sw/lan~2", "sw/lan~3", "sw/lan~1"]);
        let identities = identify("sw", &labels.into(), &mut Names::default());
        let by_number: Vec<bool> = identities.values().map(|i| i.by_number).collect();
        assert_eq!(by_number, [false, true, true, true, false]);
    }

    #[test]
    fn the_one_that_is_left_of_two_keeps_its_series() {
        let mut names = Names::default();
        let (one, two) = (with("lan", "", "02:00"), with("lan", "", "03:00"));
        let both = identify("sw", &[(1, one.clone()), (2, two)].into(), &mut names);
        let left = identify("sw", &[(1, one)].into(), &mut names);
        assert_eq!(left[&1], both[&1]);
    }

    /// Catches: an interface that is made anew and gets a second series while the device still lists the first.
    #[test]
    fn what_remains_of_an_interface_takes_no_name_from_the_one_that_lives() {
        let mut names = Names::default();
        let mut ids = |labels: &[(u32, Label)]| -> Vec<(u32, String)> {
            let found = identify("r", &labels.iter().cloned().collect(), &mut names);
            found.into_iter().map(|(index, identity)| (index, identity.subject.id)).collect()
        };
        let one = |index: u32| vec![(index, "r/ppp0".to_owned())];
        let living = |hardware: &str| with("ppp0", "", hardware);
        let gone = |hardware: &str| Label { alive: false, ..living(hardware) };
        assert_eq!(ids(&[(4, living("02:01"))]), one(4));
        assert_eq!(ids(&[(4, gone("02:01")), (9, living("02:02"))]), one(9));
        assert_eq!(ids(&[(4, gone("02:01")), (9, gone("02:02"))]), one(9), "disabled by a person");
        assert_eq!(
            ids(&[(4, gone("02:01")), (7, gone("02:03"))]),
            one(7),
            "another one that does not live yet"
        );
        assert_eq!(ids(&[(7, living("02:03"))]), one(7));
        let apart = [(7, "r/ppp0~02:03".to_owned()), (9, "r/ppp0~02:02".to_owned())];
        assert_eq!(ids(&[(7, living("02:03")), (9, living("02:02"))]), apart, "two that live are two");
        assert_eq!(ids(&[(7, living("02:03")), (9, gone("02:02"))]), apart, "and stay two");
    }

    /// Catches: a port that is disabled where the agent starts, and belongs to nobody until somebody enables it.
    #[test]
    fn of_two_that_were_there_at_once_the_disabled_one_counts() {
        let disabled = Label { alive: false, ..with("lan", "", "02:02") };
        assert_eq!(ids(&[(1, with("lan", "", "02:01")), (2, disabled)]), ["sw/lan~02:01", "sw/lan~02:02"]);
    }

    #[test]
    fn only_missing_and_doubled_names_need_more() {
        assert!(names_suffice([Some("a"), Some("b")]));
        assert!(!names_suffice([Some("a"), None]));
        assert!(!names_suffice([Some("a"), Some("a")]));
    }

    proptest! {
        /// However a device numbers its interfaces, each keeps its series, doubles among them too.
        #[test]
        fn shuffled_indices_make_no_new_series(order in Just((1u32..=40).collect::<Vec<_>>()).prop_shuffle()) {
            let port = |port: u32| match port % 4 {
                0 => named(&format!("ge-{port}")),
                1 => with("double", &format!("to {port}"), ""),
                2 => with("double", "", &format!("00:{port}")),
                _ => with("same", "", ""),
            };
            let series = |indices: &[u32]| -> (HashSet<(u32, String)>, HashSet<String>) {
                let labels = indices.iter().zip(1..).map(|(index, n)| (*index, port(n))).collect();
                let found = identify("sw", &labels, &mut Names::default());
                let port_of: HashMap<u32, u32> = indices.iter().zip(1..).map(|(index, n)| (*index, n)).collect();
                let kept = found.iter().filter(|(_, i)| !i.by_number);
                let kept = kept.map(|(index, i)| (port_of[index], i.subject.id.clone())).collect();
                (kept, found.values().map(|i| i.subject.id.clone()).collect())
            };
            let plain: Vec<u32> = (1..=40).collect();
            prop_assert_eq!(series(&plain), series(&order));
        }

        /// Any names at all make as many different valid subjects as there are interfaces.
        #[test]
        fn every_interface_has_a_subject_of_its_own(
            names in prop::collection::vec((".{0,300}|a|a~1|a~2", "|b|.{0,60}", "|c"), 1..30),
        ) {
            let labels = names.iter().zip(0..).map(|((a, b, c), index)| (index, with(a, b, c))).collect();
            let found = identify("sw", &labels, &mut Names::default());
            let distinct: HashSet<_> = found.values().map(|i| i.subject.clone()).collect();
            prop_assert_eq!(distinct.len(), names.len());
            for subject in distinct {
                prop_assert!(Subject::new(subject.kind, subject.id.clone()).is_ok());
            }
        }
    }
}
