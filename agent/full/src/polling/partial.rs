//! What a device's polls leave unread, and when that is worth telling: if it was so twice in a row, whatever it was, for
//! one request may well be lost.
//!
//! Pure.

use wasl_probe::snmp::walk::Fault;

/// What could not be read, by the name of its column or sensor, and why.
pub(crate) type Faults = Vec<(String, Fault)>;

/// Readings that are made at one beat.
#[derive(Debug, Default)]
pub(crate) struct Stretch {
    faults: Faults,
    /// How many in a row were partial.
    partial: u32,
}

impl Stretch {
    /// Takes in what the next reading could not read.
    pub(crate) fn note(&mut self, faults: Faults) {
        self.partial = if faults.is_empty() { 0 } else { self.partial.saturating_add(1) };
        self.faults = faults;
    }

    fn standing(&self) -> &[(String, Fault)] {
        if self.partial >= 2 { &self.faults } else { &[] }
    }
}

/// What is to be told of these, in words; nothing where all of it is well or was well a reading ago.
pub(crate) fn words(stretches: [&Stretch; 2]) -> Option<String> {
    let faults = stretches.into_iter().flat_map(Stretch::standing);
    let each: Vec<String> = faults.map(|(name, fault)| format!("{name}: {}", fault.as_str())).collect();
    (!each.is_empty()).then(|| each.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lost(name: &str) -> Faults {
        vec![(name.to_owned(), Fault::Unread)]
    }

    /// Catches: a device that never can be read whole and of which nobody hears, because something else is lost each time.
    #[test]
    fn two_partial_polls_in_a_row_are_told_whatever_they_left_out() {
        let (mut interfaces, mut sensors) = (Stretch::default(), Stretch::default());
        interfaces.note(lost("ifInErrors"));
        assert_eq!(words([&interfaces, &sensors]), None);
        interfaces.note(lost("ifName"));
        let told = words([&interfaces, &sensors]).expect("told");
        assert!(told.starts_with("ifName: there was no reply"), "{told}");
        sensors.note(lost("ups/battery"));
        assert_eq!(words([&interfaces, &sensors]), Some(told), "the sensors once");
        interfaces.note(Faults::new());
        assert_eq!(words([&interfaces, &sensors]), None, "no old words are left standing");
        sensors.note(lost("ups/battery"));
        assert!(words([&interfaces, &sensors]).is_some_and(|told| told.starts_with("ups/battery: ")));
    }
}
