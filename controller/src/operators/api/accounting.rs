//! Whose traffic a line carries, as the API tells it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wasl_pages::view::{AccountingView, FlowView, ShareView, TalkersView};

use super::super::Operators;
use super::entities::{ReasonBody, reason};

/// Whose traffic a line carries. All rates are of whole IP packets, in bits per second.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AccountingBody {
    /// The agent on the gateway that counts.
    pub agent: String,
    /// The gateway's interface that the line ends in.
    pub interface: String,
    /// The institutions that share the line.
    pub shares: Vec<ShareBody>,
    /// Why it is not counted, in words.
    pub trouble: Option<String>,
    /// Who uses it most.
    pub talkers: Option<TalkersBody>,
}

/// An institution's part of a shared line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ShareBody {
    /// Its identifier within the link.
    pub id: String,
    /// Its name in English.
    pub name_en: String,
    /// Its name in Arabic.
    pub name_ar: Option<String>,
    /// `ok`, `degraded` or `unknown`.
    pub health: String,
    /// Why; nothing before it is judged.
    pub reason: Option<ReasonBody>,
    /// What it uses towards it.
    pub down: UseBody,
    /// What it uses the other way.
    pub up: UseBody,
    /// When it was last counted.
    pub observed_at: Option<i64>,
    /// Whether that is too long ago to say anything of now.
    pub old: bool,
}

/// What an institution uses of one direction.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct UseBody {
    /// Bits per second now.
    pub bits_per_second: Option<f64>,
    /// Bits per second that it may use while the line is full.
    pub due: Option<u64>,
    /// What it uses as a part of that.
    pub of_due: Option<f64>,
    /// What it uses as a part of the line's contract.
    pub of_line: Option<f64>,
    /// The 95th percentile of five-minute means in this calendar month, bits per second. Only for single links.
    pub month_p95: Option<f64>,
    /// Its history, for `/api/v1/history`.
    pub series: Option<String>,
}

/// The addresses that used a line most.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TalkersBody {
    /// When they were last counted.
    pub observed_at: i64,
    /// Whether that is too long ago to say anything of now.
    pub old: bool,
    /// Over how many seconds.
    pub seconds: f64,
    /// How many addresses moved anything.
    pub seen: u32,
    /// Whether there were more than the gateway counts, so that one may be missing.
    pub crowded: bool,
    /// The most first.
    pub most: Vec<TalkerBody>,
}

/// One address.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TalkerBody {
    /// The address.
    pub address: String,
    /// Whose it is, by its name in English.
    pub share: Option<String>,
    /// Bits per second towards it.
    pub down: f64,
    /// Bits per second from it.
    pub up: f64,
}

impl AccountingBody {
    pub(super) fn of(view: &AccountingView, operators: &Operators) -> Self {
        Self {
            agent: view.agent.clone(),
            interface: view.interface.clone(),
            shares: view.shares.iter().map(|share| ShareBody::of(share, operators)).collect(),
            trouble: view.trouble.clone(),
            talkers: view.talkers.as_ref().map(TalkersBody::from),
        }
    }
}

impl ShareBody {
    fn of(share: &ShareView, operators: &Operators) -> Self {
        let part = |flow: &FlowView, of_line: Option<f64>, p95: Option<f64>| UseBody {
            bits_per_second: flow.rate.map(|bytes| bytes * 8.0),
            due: flow.contracted,
            of_due: flow.share(),
            of_line,
            month_p95: p95.map(|bytes| bytes * 8.0),
            series: flow.series.clone(),
        };
        let state = share.state.as_ref();
        Self {
            id: share.id.clone(),
            name_en: share.name.en.clone(),
            name_ar: share.name.ar.clone(),
            health: state.map_or("unknown", |state| state.health.as_str()).to_owned(),
            reason: state.map(|state| reason(&state.reason, &operators.texts)),
            down: part(&share.down, share.down_of_line, share.down_p95),
            up: part(&share.up, share.up_of_line, share.up_p95),
            observed_at: share.at.map(|at| at.0),
            old: share.old,
        }
    }
}

impl From<&TalkersView> for TalkersBody {
    fn from(view: &TalkersView) -> Self {
        Self {
            observed_at: view.at.0,
            old: view.old,
            seconds: view.seconds,
            seen: view.seen,
            crowded: view.crowded,
            most: view
                .most
                .iter()
                .map(|talker| TalkerBody {
                    address: talker.address.to_string(),
                    share: talker.share.as_ref().map(|name| name.en.clone()),
                    down: talker.down * 8.0,
                    up: talker.up * 8.0,
                })
                .collect(),
        }
    }
}
