//! Profiles as they stand in a file, and as an agent gets them.

#![expect(clippy::trivially_copy_pass_by_ref, reason = "garde hands values and context on by reference")]

use std::borrow::Cow;
use std::collections::BTreeMap;

use garde::Validate;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use wasl_model::SensorState;
use wasl_model::profile::{self, Quantity};

use crate::problem::{Code, Complaint};
use crate::snippet::quote;
use crate::values::line;

/// The profiles that come with Wasl, as files of the configuration.
pub(crate) const BUILT_IN: &[(&str, &str)] = &[
    ("config/profiles/ups.yaml", include_str!("../../../config/profiles/ups.yaml")),
    ("config/profiles/entity-sensors.yaml", include_str!("../../../config/profiles/entity-sensors.yaml")),
    ("config/profiles/ip.yaml", include_str!("../../../config/profiles/ip.yaml")),
    ("config/profiles/host-resources.yaml", include_str!("../../../config/profiles/host-resources.yaml")),
];

/// What a kind of device can tell besides its interfaces.
#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub(crate) struct Profile {
    /// It is for devices whose `sysObjectID` begins with one of these. Default: for every device.
    #[serde(default)]
    #[garde(length(max = 32))]
    matches: Vec<ObjectName>,
    /// The sensors.
    #[garde(length(min = 1, max = 64), dive)]
    sensors: Vec<Sensor>,
}

/// A scalar, or a column of a table with a sensor in each row.
#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
struct Sensor {
    /// What it is called; with what a row is called, where there are several.
    #[garde(custom(line))]
    name: String,
    /// The object, without instance.
    #[garde(skip)]
    column: ObjectName,
    /// What it measures. Default: a status.
    #[garde(skip)]
    measures: Option<Measures>,
    /// The value times this is in the base unit: degrees Celsius, V, A, W, Hz, seconds, bytes, or a ratio of 1; a rate is of a counter, per second. Default: 1.
    #[garde(inner(custom(nonzero)))]
    scale: Option<f64>,
    /// The column that says what a row is called.
    #[garde(skip)]
    label: Option<ObjectName>,
    /// What the rows with these numbers are called, where no column says it.
    #[serde(default)]
    #[garde(length(max = 64), custom(lines))]
    rows: BTreeMap<u32, String>,
    /// The column that the value is multiplied by, such as a unit of allocation.
    #[garde(skip)]
    times: Option<ObjectName>,
    /// storage: the column with the size.
    #[garde(skip)]
    size: Option<ObjectName>,
    /// Only rows of which this is so.
    #[garde(dive)]
    only: Option<Only>,
    /// Not the rows that another table's row says this of.
    #[garde(dive)]
    except: Option<Except>,
    /// Not the rows that are called so by their label; * at the end stands for anything.
    #[serde(default)]
    #[garde(length(max = 64), inner(custom(line)))]
    ignore: Vec<String>,
    /// What a device gives that does not know the value.
    #[serde(default)]
    #[garde(dive)]
    unknown: Unknown,
    /// The columns that say of each row what it measures, as in ENTITY-SENSOR-MIB.
    #[garde(skip)]
    typed: Option<Typed>,
    /// status: what the device's numbers mean.
    #[serde(default)]
    #[garde(length(max = 64))]
    states: BTreeMap<i64, State>,
    /// Beyond these it is degraded.
    #[serde(default)]
    #[garde(skip)]
    degraded: Bounds,
    /// Beyond these it is down.
    #[serde(default)]
    #[garde(skip)]
    down: Bounds,
}

/// What a row must be to count.
#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
struct Only {
    /// The column that says it.
    #[garde(skip)]
    column: ObjectName,
    /// Numbers that count.
    #[serde(default)]
    #[garde(length(max = 64))]
    numbers: Vec<i64>,
    /// Object names that count.
    #[serde(default)]
    #[garde(length(max = 64))]
    names: Vec<ObjectName>,
}

/// What a row must not be, by the row of another table that names it.
#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
struct Except {
    /// The column of the other table with the numbers of rows of this one.
    #[garde(skip)]
    by: ObjectName,
    /// The column of the other table that says it.
    #[garde(skip)]
    column: ObjectName,
    /// Numbers that leave the row out.
    #[garde(length(min = 1, max = 64))]
    numbers: Vec<i64>,
}

/// What stands for a value that a device does not have.
#[derive(Debug, Default, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
struct Unknown {
    /// These numbers, as the device gives them.
    #[serde(default)]
    #[garde(length(max = 64))]
    numbers: Vec<i64>,
    /// And what is below this, in the base unit.
    #[garde(skip)]
    below: Option<f64>,
    /// And what is above this, in the base unit.
    #[garde(skip)]
    above: Option<f64>,
}

/// The columns of a table like entPhySensorTable.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Typed {
    /// As entPhySensorType.
    kind: ObjectName,
    /// As entPhySensorScale.
    scale: ObjectName,
    /// As entPhySensorPrecision.
    precision: ObjectName,
    /// As entPhySensorOperStatus.
    status: ObjectName,
}

/// Limits in the base unit; of storage, a ratio of its size.
#[derive(Debug, Default, Clone, Copy, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Bounds {
    /// Below this.
    below: Option<f64>,
    /// Above this.
    above: Option<f64>,
}

/// What a number means.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum State {
    /// As it should be.
    Ok,
    /// To be looked at.
    Degraded,
    /// It does not work, or is about to stop.
    Down,
}

/// A scale is a number that changes something.
fn nonzero(scale: &f64, (): &()) -> garde::Result {
    if scale.is_finite() && *scale != 0.0 {
        Ok(())
    } else {
        Err(garde::Error::new("must be a number other than 0"))
    }
}

/// Rows are called by names as everything else is.
fn lines(names: &BTreeMap<u32, String>, (): &()) -> garde::Result {
    names.values().try_for_each(|name| line(name, &()))
}

/// The arcs of an object name in dotted form.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
struct ObjectName(Vec<u32>);

impl TryFrom<String> for ObjectName {
    type Error = Complaint;

    fn try_from(text: String) -> Result<Self, Complaint> {
        let arcs: Option<Vec<u32>> =
            text.trim_start_matches('.').split('.').map(|arc| arc.parse().ok()).collect();
        match arcs {
            // RFC 2578 3.5: at most 128 arcs; the first two share a byte (X.690 8.19.4).
            Some(arcs) if (3..=120).contains(&arcs.len()) && arcs[0] <= 2 && arcs[1] < 40 => Ok(Self(arcs)),
            _ => Err(Complaint::new(Code::BadValue, format!("{} is no object name", quote(&text)))
                .help("write its numbers in quotation marks, such as \"1.3.6.1.2.1.33.1.2.4\"")),
        }
    }
}

impl JsonSchema for ObjectName {
    fn schema_name() -> Cow<'static, str> {
        "ObjectName".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^\\.?[0-9]+(\\.[0-9]+)+$" })
    }
}

/// What a sensor measures.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(try_from = "String")]
struct Measures(Quantity);

impl TryFrom<String> for Measures {
    type Error = Complaint;

    fn try_from(text: String) -> Result<Self, Complaint> {
        if Quantity::WORDS.contains(&text.as_str()) {
            return Ok(Self(Quantity::from(text)));
        }
        let known = Quantity::WORDS.join(", ");
        let complaint =
            Complaint::new(Code::BadValue, format!("{} is nothing that a sensor measures", quote(&text)));
        Err(complaint.help(format!("known are {known}")))
    }
}

impl JsonSchema for Measures {
    fn schema_name() -> Cow<'static, str> {
        "Measures".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "enum": Quantity::WORDS })
    }
}

impl Profile {
    /// As an agent gets it.
    pub(crate) fn into_model(self, id: &str) -> profile::Profile {
        profile::Profile {
            id: id.to_owned(),
            matches: self.matches.into_iter().map(|name| name.0).collect(),
            sensors: self.sensors.into_iter().map(Sensor::into_model).collect(),
        }
    }
}

impl Sensor {
    fn into_model(self) -> profile::SensorProfile {
        let state = |state| match state {
            State::Ok => SensorState::Ok,
            State::Degraded => SensorState::Degraded,
            State::Down => SensorState::Down,
        };
        let bounds = |bounds: Bounds| profile::Bounds { below: bounds.below, above: bounds.above };
        profile::SensorProfile {
            name: self.name,
            column: self.column.0,
            measures: self.measures.map_or(Quantity::Status, |measures| measures.0),
            scale: self.scale.unwrap_or(1.0),
            label: self.label.map(|name| name.0),
            rows: self.rows,
            times: self.times.map(|name| name.0),
            size: self.size.map(|name| name.0),
            only: self.only.map(|only| profile::Only {
                column: only.column.0,
                numbers: only.numbers,
                names: only.names.into_iter().map(|name| name.0).collect(),
            }),
            except: self.except.map(|except| profile::Except {
                by: except.by.0,
                column: except.column.0,
                numbers: except.numbers,
            }),
            ignore: self.ignore,
            unknown: profile::Unknown {
                numbers: self.unknown.numbers,
                beyond: profile::Bounds { below: self.unknown.below, above: self.unknown.above },
            },
            typed: self.typed.map(|typed| profile::Typed {
                kind: typed.kind.0,
                scale: typed.scale.0,
                precision: typed.precision.0,
                status: typed.status.0,
            }),
            states: self.states.into_iter().map(|(number, word)| (number, state(word))).collect(),
            degraded: bounds(self.degraded),
            down: bounds(self.down),
        }
    }
}
