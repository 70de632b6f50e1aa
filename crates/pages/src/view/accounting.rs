//! Whose traffic a line carries, for its page.

use std::net::IpAddr;

use wasl_model::{Localized, Timestamp};

use super::{FlowView, Judgement};

/// Whose traffic a line carries.
#[derive(Debug, Clone)]
pub struct AccountingView {
    /// The agent on the gateway that counts.
    pub agent: String,
    /// The gateway's interface that the line ends in.
    pub interface: String,
    /// The institutions that share the line, in the order of the configuration.
    pub shares: Vec<ShareView>,
    /// Why it is not counted, in words of the agent's.
    pub trouble: Option<String>,
    /// Who uses it most; `None` where that is not asked or nothing was counted yet.
    pub talkers: Option<TalkersView>,
}

/// An institution's part of a shared line.
#[derive(Debug, Clone)]
pub struct ShareView {
    /// Its identifier within the link.
    pub id: String,
    /// What people call it.
    pub name: Localized,
    /// How it is judged; `None` before it is.
    pub state: Option<Judgement>,
    /// What it uses towards it. `contracted` is its share.
    pub down: FlowView,
    /// What it uses the other way.
    pub up: FlowView,
    /// Its use of the line as a part of the line's contract, down.
    pub down_of_line: Option<f64>,
    /// The same up.
    pub up_of_line: Option<f64>,
    /// The 95th percentile of five-minute means in this calendar month, down, bytes per second.
    pub down_p95: Option<f64>,
    /// The same up.
    pub up_p95: Option<f64>,
    /// When it was last counted.
    pub at: Option<Timestamp>,
    /// Whether that is too long ago to say anything of now.
    pub old: bool,
}

/// The addresses that used a line most.
#[derive(Debug, Clone)]
pub struct TalkersView {
    /// When they were last counted.
    pub at: Timestamp,
    /// Whether that is too long ago to say anything of now.
    pub old: bool,
    /// Over how many seconds.
    pub seconds: f64,
    /// How many addresses moved anything.
    pub seen: u32,
    /// Whether there were more than the gateway counts.
    pub crowded: bool,
    /// The most first.
    pub most: Vec<TalkerView>,
}

/// One address.
#[derive(Debug, Clone)]
pub struct TalkerView {
    /// The address.
    pub address: IpAddr,
    /// Whose it is, where it is a share's.
    pub share: Option<Localized>,
    /// Bytes per second towards it.
    pub down: f64,
    /// Bytes per second from it.
    pub up: f64,
}
