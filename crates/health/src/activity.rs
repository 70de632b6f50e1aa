//! What a link is doing: carrying the traffic, waiting, or standing in for another.

use std::collections::BTreeSet;

use wasl_model::SiteId;
use wasl_model::health::Health;

/// What a link is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LinkActivity {
    /// It is meant to carry the traffic.
    Primary,
    /// It carries because all primaries between the same places are down.
    Backup,
    /// It waits for them to fail.
    Standby,
}

impl LinkActivity {
    /// All that a link can do.
    pub const ALL: [Self; 3] = [Self::Primary, Self::Backup, Self::Standby];

    /// The word of the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Primary => "primary",
            Self::Backup => "backup",
            Self::Standby => "standby",
        }
    }

    /// What such a word means; a link of which nobody said anything is a primary.
    pub fn of(word: Option<&str>) -> Self {
        Self::ALL.into_iter().find(|a| Some(a.as_str()) == word).unwrap_or(Self::Primary)
    }
}

/// What a link is doing, as far as that can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Doing {
    /// What it is called.
    pub activity: LinkActivity,
    /// Whether that stays so whatever the links of which nothing is known turn out to be.
    pub known: bool,
}

/// A link, as far as what it does depends on it.
#[derive(Debug, Clone, Copy)]
pub struct Contender<'a> {
    /// The places that it joins, in any order.
    pub between: &'a [SiteId],
    /// Whether it is meant to wait for others.
    pub waits: bool,
    /// How it is of itself, also while it is being worked on: a primary that is planned to be down is down.
    pub health: Health,
}

/// What each link is doing, in the order in which they were given.
///
/// Only links between the same places stand in for each other. A primary that nobody has seen is not
/// down, so its backups wait; a backup that is down itself carries nothing, so it only waits. Whether the
/// routers really moved the traffic is not seen here: this is what the links' states call for.
pub fn activities(links: &[Contender<'_>]) -> Vec<Doing> {
    let places = |link: &Contender<'_>| link.between.iter().cloned().collect::<BTreeSet<SiteId>>();
    let primaries: Vec<(BTreeSet<SiteId>, Health)> =
        links.iter().filter(|l| !l.waits).map(|l| (places(l), l.health)).collect();
    let doing = |link: &Contender<'_>| {
        if !link.waits {
            return Doing { activity: LinkActivity::Primary, known: true };
        }
        let own = places(link);
        let ahead = || primaries.iter().filter(|(between, _)| *between == own).map(|(_, health)| *health);
        let carries = ahead().all(|health| health == Health::Down) && link.health != Health::Down;
        let is_known = |health: Health| health != Health::Unknown;
        // One that is there or its own death decides alone.
        let spared = ahead().any(|health| is_known(health) && health != Health::Down);
        let known = spared || link.health == Health::Down || (ahead().all(is_known) && is_known(link.health));
        Doing { activity: if carries { LinkActivity::Backup } else { LinkActivity::Standby }, known }
    };
    links.iter().map(doing).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sites(names: [&str; 2]) -> Vec<SiteId> {
        names.iter().map(|name| SiteId::new(*name).expect("valid")).collect()
    }

    #[test]
    fn a_backup_carries_only_while_every_primary_between_its_places_is_down() {
        let (a, b, elsewhere) = (sites(["hq", "jenin"]), sites(["jenin", "hq"]), sites(["hq", "yatta"]));
        let with = |first, second, own| {
            activities(&[
                Contender { between: &a, waits: false, health: first },
                Contender { between: &b, waits: false, health: second },
                Contender { between: &elsewhere, waits: false, health: Health::Ok },
                Contender { between: &a, waits: true, health: own },
            ])[3]
                .activity
        };
        assert_eq!(with(Health::Down, Health::Ok, Health::Ok), LinkActivity::Standby);
        assert_eq!(with(Health::Down, Health::Down, Health::Ok), LinkActivity::Backup);
        assert_eq!(with(Health::Down, Health::Unknown, Health::Ok), LinkActivity::Standby);
        assert_eq!(with(Health::Down, Health::Down, Health::Degraded), LinkActivity::Backup);
        assert_eq!(with(Health::Down, Health::Down, Health::Down), LinkActivity::Standby);
    }

    #[test]
    fn a_primary_stays_one_while_it_is_down_and_a_lone_backup_carries() {
        let a = sites(["hq", "jenin"]);
        let primary = Contender { between: &a, waits: false, health: Health::Down };
        assert_eq!(activities(&[primary]), [Doing { activity: LinkActivity::Primary, known: true }]);
        let lone = Contender { between: &a, waits: true, health: Health::Ok };
        assert_eq!(activities(&[lone]), [Doing { activity: LinkActivity::Backup, known: true }]);
    }

    /// Whatever a link of which nothing is known turns out to be: what is called known stays so, and what is not may change.
    #[test]
    fn what_is_called_known_does_not_hang_on_what_is_not() {
        let a = sites(["hq", "jenin"]);
        let told = |healths: [Health; 3]| {
            let contender = |waits, health| Contender { between: &a, waits, health };
            activities(&[
                contender(false, healths[0]),
                contender(false, healths[1]),
                contender(true, healths[2]),
            ])[2]
        };
        let known = [Health::Ok, Health::Degraded, Health::Down];
        let all = [Health::Ok, Health::Degraded, Health::Down, Health::Unknown];
        let may_be = |health: Health| if health == Health::Unknown { known.to_vec() } else { vec![health] };
        for first in all {
            for second in all {
                for own in all {
                    let mut turned_out = BTreeSet::new();
                    for a in may_be(first) {
                        for b in may_be(second) {
                            turned_out.extend(may_be(own).into_iter().map(|own| told([a, b, own]).activity));
                        }
                    }
                    let Doing { activity, known } = told([first, second, own]);
                    assert_eq!(known, turned_out.len() == 1, "{first:?} {second:?} {own:?}");
                    assert!(!known || turned_out.contains(&activity));
                }
            }
        }
    }
}
