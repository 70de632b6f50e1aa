//! The arithmetic of a month's report on a link: when it was up and when nobody looked, what was lost,
//! how long round trips took, and what was carried. Pure; times are milliseconds since 1970.
//!
//! # Rules
//! - Where an agent tells for how long its detector held the link for down, that counts: from the first probe
//!   without an answer to the first answer. What is over before the detector is sure is no outage, but its losses
//!   are losses.
//! - Where none tells it, a window of probes with a loss of 1 counts as down, any other as up: it carried
//!   something.
//! - A stretch that no window covers was **not observed**. It counts as neither; the best case takes it as
//!   up and the worst case as down, and the truth lies between.
//! - A cell of a roll-up tells for how long in all the link was down as one end saw it, but not when. Two ends may
//!   have been cut at the same time or not: together they count as down for what both can have in common; the best
//!   case takes only what they must have in common.
//! - A cell without that tells only its mean loss. One of 1 was down. With less, the link may have been down
//!   for at most that share of the cell: the cell counts as up, and that share makes the worst case worse.
//! - The ends of a link judge for themselves. It is down while nobody who observed it got an answer: what
//!   one end gets answered has passed in both directions.
//! - What a direction lost is told of the tests whose fate in it is known ([`directions`]), and never guessed of others.
//! - Planned maintenance is given apart. The availability that is owed is that of the time outside of it.

pub mod availability;
pub mod carried;
pub mod directions;
pub mod forecast;
pub mod quality;
pub mod record;

pub use availability::{Availability, Outage, Span, State, Stretch, availability, combine};
pub use carried::{Burst, burst};
pub use directions::{Sum, Tests, Ways};
pub use forecast::{Forecast, busy_hour, forecast};
pub use quality::{Loss, Times};
pub use record::{Record, Seen, Told};
