//! What the page of any entity shows.

use wasl_model::health::{Health, Proof};
use wasl_model::units::Unit;
use wasl_model::{Localized, Subject, Timestamp};

use super::{ChangeView, InterfaceView, Judgement};

/// `/entities/{kind}/{id}`
#[derive(Debug, Clone)]
pub struct EntityView {
    /// Which entity.
    pub subject: Subject,
    /// What people call it; the identifier where it has no name.
    pub name: Localized,
    /// Its site's name.
    pub site: Option<Localized>,
    /// How it is judged.
    pub state: Judgement,
    /// What it is doing, as a word of the API.
    pub activity: Option<String>,
    /// Whether it was shown to be restorable; only datasets and backup jobs have this.
    pub proof: Option<Proof>,
    /// How sure, 0 to 1.
    pub confidence: f64,
    /// The entity whose trouble causes this one's.
    pub caused_by: Option<Subject>,
    /// The open incident that it is the cause of or suffers from.
    pub incident: Option<u64>,
    /// The agent that observes it and when it last did.
    pub observed: Option<(String, Timestamp)>,
    /// The current values by the names of the history's fields, in the fields' units.
    pub values: Vec<FigureView>,
    /// The charts.
    pub charts: Vec<ChartView>,
    /// Entities that belong to it: a machine's disks, a device's sensors.
    pub parts: Vec<PartView>,
    /// The interfaces of a machine or a device.
    pub interfaces: Vec<InterfaceView>,
    /// Its latest events and those of what belongs to it, the newest first.
    pub changes: Vec<ChangeView>,
}

/// An entity that belongs to another.
#[derive(Debug, Clone)]
pub struct PartView {
    /// Which entity.
    pub subject: Subject,
    /// Its health.
    pub health: Health,
    /// What one looks for first: how full a disk is, what a sensor measures.
    pub values: Vec<FigureView>,
}

/// A named value.
#[derive(Debug, Clone)]
pub struct FigureView {
    /// The history's name for it, such as `rtt_p50`.
    pub field: String,
    /// Its unit.
    pub unit: Unit,
    /// The value in that unit.
    pub value: Option<f64>,
}

/// A chart of one series.
#[derive(Debug, Clone)]
pub struct ChartView {
    /// The series, `kind/identifier#field@agent`.
    pub series: String,
    /// The history's name for the field.
    pub field: String,
    /// Its unit.
    pub unit: Unit,
}
