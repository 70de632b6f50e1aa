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
pub fn activities(links: &[Contender<'_>]) -> Vec<LinkActivity> {
    let places = |link: &Contender<'_>| link.between.iter().cloned().collect::<BTreeSet<SiteId>>();
    let down: Vec<(BTreeSet<SiteId>, bool)> =
        links.iter().filter(|l| !l.waits).map(|l| (places(l), l.health == Health::Down)).collect();
    let activity = |link: &Contender<'_>| {
        if !link.waits {
            return LinkActivity::Primary;
        }
        let own = places(link);
        let all_down = down.iter().filter(|(between, _)| *between == own).all(|(_, down)| *down);
        if all_down && link.health != Health::Down { LinkActivity::Backup } else { LinkActivity::Standby }
    };
    links.iter().map(activity).collect()
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
        assert_eq!(activities(&[primary]), [LinkActivity::Primary]);
        let lone = Contender { between: &a, waits: true, health: Health::Ok };
        assert_eq!(activities(&[lone]), [LinkActivity::Backup]);
    }
}
