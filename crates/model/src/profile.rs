//! What a kind of device can tell besides its interfaces: which objects of its SNMP agent are sensors, what
//! they measure, and when that is trouble.
//!
//! A profile is data, so that an operator can describe a device that nobody here has seen. It travels in the
//! assignment to the agent, which reads the objects and judges the values where they are.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::observation::SensorState;

/// The arcs of an object name.
pub type ObjectName = Vec<u32>;

/// What one kind of device can tell.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Profile {
    /// Its name in the configuration.
    pub id: String,
    /// It is for devices whose `sysObjectID` begins with one of these; for every device where there is none.
    pub matches: Vec<ObjectName>,
    /// The sensors.
    pub sensors: Vec<SensorProfile>,
}

/// One scalar, or one column of a table with a sensor in each row.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct SensorProfile {
    /// What the sensor is called; with what a row is called, where there are several.
    pub name: String,
    /// The object, without instance.
    pub column: ObjectName,
    /// What it measures.
    pub measures: Quantity,
    /// The value times this is in the quantity's base unit; 1 where it is 0.
    pub scale: f64,
    /// The column that says what a row is called.
    pub label: Option<ObjectName>,
    /// What the rows with these numbers are called.
    pub rows: BTreeMap<u32, String>,
    /// The column whose value of the same row the value is multiplied by, such as a unit of allocation.
    pub times: Option<ObjectName>,
    /// The column with the size of what is in use here, in the same unit.
    pub size: Option<ObjectName>,
    /// Only rows of which this is so.
    pub only: Option<Only>,
    /// Not the rows that another table's row says this of.
    pub except: Option<Except>,
    /// Not the rows that are called so by their label; what ends with `*` is the beginning of a label.
    pub ignore: Vec<String>,
    /// What a device gives that does not know the value.
    pub unknown: Unknown,
    /// The columns that say of each row what it measures, where they are as in ENTITY-SENSOR-MIB (RFC 3433).
    pub typed: Option<Typed>,
    /// What a number means, for a status.
    pub states: BTreeMap<i64, SensorState>,
    /// Beyond these it is degraded.
    pub degraded: Bounds,
    /// Beyond these it is down.
    pub down: Bounds,
}

/// What a row must be to count.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Only {
    /// The column that says it.
    pub column: ObjectName,
    /// Numbers that count.
    pub numbers: Vec<i64>,
    /// Object names that count.
    pub names: Vec<ObjectName>,
}

/// What a row must not be, by the row of another table that names it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Except {
    /// The column of the other table with the numbers of rows of this one.
    pub by: ObjectName,
    /// The column of the other table that says it.
    pub column: ObjectName,
    /// Numbers that leave the row out.
    pub numbers: Vec<i64>,
}

/// What stands for a value that a device does not have.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Unknown {
    /// These numbers, as the device gives them.
    pub numbers: Vec<i64>,
    /// What is beyond these, in the base unit: nothing that is measured there.
    #[serde(flatten)]
    pub beyond: Bounds,
}

/// The columns of `entPhySensorTable` (RFC 3433 3): what a row measures, and how.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Typed {
    /// As `entPhySensorType`.
    pub kind: ObjectName,
    /// As `entPhySensorScale`.
    pub scale: ObjectName,
    /// As `entPhySensorPrecision`.
    pub precision: ObjectName,
    /// As `entPhySensorOperStatus`.
    pub status: ObjectName,
}

/// Where a value in its base unit begins to be trouble.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Bounds {
    /// Below this.
    pub below: Option<f64>,
    /// Above this.
    pub above: Option<f64>,
}

impl Bounds {
    /// Whether a value is beyond them.
    pub fn broken_by(&self, value: f64) -> bool {
        self.below.is_some_and(|limit| value < limit) || self.above.is_some_and(|limit| value > limit)
    }
}

macro_rules! quantities {
    ($($(#[$doc:meta])* $variant:ident = $text:literal,)*) => {
        /// What a sensor measures.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
        #[serde(from = "String", into = "&'static str")]
        pub enum Quantity {
            /// A number that stands for a state, and what an older agent does not know.
            #[default]
            Status,
            $($(#[$doc])* $variant,)*
        }

        impl Quantity {
            /// The words in the configuration.
            pub const WORDS: &'static [&'static str] = &["status", $($text,)*];

            /// The word in the configuration.
            pub fn as_str(self) -> &'static str {
                match self { Self::Status => "status", $(Self::$variant => $text,)* }
            }
        }

        impl From<String> for Quantity {
            fn from(text: String) -> Self {
                match text.as_str() { $($text => Self::$variant,)* _ => Self::Status }
            }
        }
    };
}

quantities!(
    /// Degrees Celsius.
    Temperature = "temperature",
    /// Volts.
    Voltage = "voltage",
    /// Amperes.
    Current = "current",
    /// Watts.
    Power = "power",
    /// Hertz.
    Frequency = "frequency",
    /// Relative humidity, 0 to 1.
    Humidity = "humidity",
    /// How full a battery is, 0 to 1.
    Charge = "charge",
    /// How busy something is, 0 to 1.
    Load = "load",
    /// Seconds for which something will still last.
    Runtime = "runtime",
    /// Turns a minute.
    Fan = "fan",
    /// Bytes in use of a size.
    Storage = "storage",
    /// By how much a counter goes forward in a second.
    Rate = "rate",
);

impl From<Quantity> for &'static str {
    fn from(quantity: Quantity) -> Self {
        quantity.as_str()
    }
}
