//! Whose traffic lines carry, checked.

use wasl_model::assignment::{AccountingAssignment, ShareAssignment, Way};
use wasl_model::{AgentId, EntityKind, Localized, Prefix, Subject};

use super::{Link, Settings};
use crate::file::Portion;
use crate::period::Period;
use crate::quantity::Rate;

/// Where and how the traffic of a line is told apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accounting {
    /// The gateway; one of [`Settings::agents`].
    pub from: AgentId,
    /// Its interface that the line ends in.
    pub interface: String,
    /// Which way of the interface leads towards the last of [`Link::between`].
    pub down: Way,
    /// Who shares the line; no two have an address in common.
    pub shares: Vec<ShareOf>,
    /// How long one may use more than its share of a full line.
    pub breach_after: Period,
    /// How many addresses that use the line most are reported.
    pub talkers: u16,
}

impl Accounting {
    /// The interface as an entity.
    pub fn interface(&self) -> Subject {
        Subject::lenient(EntityKind::Interface, &format!("{}/{}", self.from, self.interface))
    }
}

/// The part of a line that one institution pays for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShareOf {
    /// Its identifier, unique within the link.
    pub id: String,
    /// Its name for people.
    pub name: Localized,
    /// Its addresses.
    pub prefixes: Vec<Prefix>,
    /// What it may use while the line is full.
    pub share: Option<Portion>,
}

impl Portion {
    /// In bits per second of a way of which `contracted` is bought; `None` for a part of nobody knows what.
    pub fn of(self, contracted: Option<Rate>) -> Option<u64> {
        match self {
            Self::Rate(rate) => Some(rate.bits_per_second()),
            Self::Part(share) => {
                let bits = u128::from(contracted?.bits_per_second()) * u128::from(share.ppm()) / 1_000_000;
                u64::try_from(bits).ok()
            }
        }
    }
}

impl Settings {
    /// The lines whose traffic an agent's gateway tells apart.
    pub(super) fn accounting_of<'a>(
        &'a self,
        agent: &'a AgentId,
    ) -> impl Iterator<Item = AccountingAssignment> + 'a {
        let own = move |(id, link): (&'a String, &'a Link)| {
            Some((id, link.accounting.as_ref().filter(|own| own.from == *agent)?))
        };
        self.links.iter().filter_map(own).map(|(id, accounting)| AccountingAssignment {
            id: id.clone(),
            interface: accounting.interface.clone(),
            down: accounting.down,
            shares: accounting
                .shares
                .iter()
                .map(|share| ShareAssignment { id: share.id.clone(), prefixes: share.prefixes.clone() })
                .collect(),
            talkers: accounting.talkers,
        })
    }
}
