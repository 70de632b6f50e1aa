//! Whose traffic a line carries: each address belongs to one share, and each interface to one line.

use wasl_model::assignment::Way;
use wasl_model::{Prefix, SiteId};

use super::{Check, name};
use crate::file::{self, Talkers};
use crate::period::Period;
use crate::problem::{Code, Complaint};
use crate::settings::{Accounting, ShareOf};
use crate::snippet::quote;
use crate::source::Defined;

/// How many addresses are shown where the configuration only says that some are.
const TALKERS: u16 = 10;
const BREACH_AFTER: Period = Period::from_secs(180);
/// The most lines of one gateway.
const MOST_LINES: usize = 8;

impl Check<'_> {
    /// Where a line's traffic is told apart.
    pub(super) fn accounting(
        &mut self,
        link: &Defined<file::Link>,
        between: &[SiteId],
    ) -> Option<Accounting> {
        let given = link.value.accounting.as_ref()?;
        let from = self.agent_called(&given.from, self.sources.spot(link, "accounting.from"));
        self.counted_once(link, &given.from, &given.interface);
        let mut shares: Vec<ShareOf> = Vec::new();
        for (index, share) in given.shares.iter().flatten().enumerate() {
            let id = share.id.as_str();
            if shares.iter().any(|other| other.id == id) {
                let spot = self.sources.spot(link, &format!("accounting.shares[{index}].id"));
                let message = format!("{} stands twice in this list", quote(id));
                let complaint = Complaint::new(Code::DuplicateKey, message).help("put its blocks together");
                self.sources.report(spot, complaint);
            }
            let prefixes: Vec<Prefix> = share.prefixes.iter().map(|prefix| prefix.0).collect();
            for (place, prefix) in prefixes.iter().enumerate() {
                let taken = shares.iter().find(|other| other.prefixes.iter().any(|p| p.overlaps(*prefix)));
                if let Some(other) = taken {
                    let key = format!("accounting.shares[{index}].prefixes[{place}]");
                    let message = format!("addresses of {prefix} belong to {} too", quote(&other.id));
                    let complaint = Complaint::new(Code::BadValue, message)
                        .help("each address belongs to one share; leave it to one of the two");
                    self.sources.report(self.sources.spot(link, &key), complaint);
                }
            }
            shares.push(ShareOf {
                id: id.to_owned(),
                name: name(share.name.clone(), id),
                prefixes,
                share: share.share,
            });
        }
        let talkers = match given.talkers {
            None | Some(Talkers::Shown(false)) => 0,
            Some(Talkers::Shown(true)) => TALKERS,
            // Beyond what may be, it has been reported.
            Some(Talkers::Most(most)) => u16::try_from(most).unwrap_or(TALKERS),
        };
        if shares.is_empty() && talkers == 0 {
            let complaint = Complaint::new(Code::BadValue, "nothing is to be counted here")
                .help("name `shares`, or `talkers: true`, or delete `accounting`");
            self.sources.report(self.sources.spot(link, "accounting"), complaint);
        }
        let site = self.sites_of_agents.get(&given.from).map(String::as_str);
        // At the first of two places what leaves goes towards the last.
        let at_first = matches!(between, [first, last] if site == Some(first.as_str()) && first != last);
        Some(Accounting {
            from: from?,
            interface: given.interface.clone(),
            down: if at_first { Way::Out } else { Way::In },
            shares,
            breach_after: given.breach_after.unwrap_or(BREACH_AFTER),
            talkers,
        })
    }

    /// A line is told from another by its interface, so an interface has one.
    fn counted_once(&mut self, link: &Defined<file::Link>, agent: &str, interface: &str) {
        let here = self.counted.entry(agent.to_owned()).or_default();
        let (twice, many) = (here.contains(interface), here.len() >= MOST_LINES);
        here.insert(interface.to_owned());
        let (key, message, help) = if twice {
            let message = format!("{} is counted for another link too", quote(interface));
            ("accounting.interface", message, "name the interface that only this line ends in")
        } else if many {
            let message = format!("more than {MOST_LINES} lines are counted by {}", quote(agent));
            ("accounting.from", message, "let another gateway count some of them")
        } else {
            return;
        };
        let complaint = Complaint::new(Code::BadValue, message).help(help);
        self.sources.report(self.sources.spot(link, key), complaint);
    }
}
