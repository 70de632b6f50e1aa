//! What a profile's objects say: sensors, with what they measure and what that means.
//!
//! A value of a wrong type, one that cannot be (200 % of a battery) and one that the device itself calls
//! unavailable is no value; it is never guessed.
//!
//! Pure.

use std::collections::HashSet;

use wasl_model::profile::{ObjectName, Profile, Quantity, SensorProfile, Typed};
use wasl_model::units::{
    Bytes, Count, MilliAmperes, MilliCelsius, MilliHertz, MilliPerSecond, MilliVolts, MilliWatts, Millis,
    Ppm, TurnsPerMinute,
};
use wasl_model::{EntityKind, SensorSample, SensorState, Subject};
use wasl_probe::snmp::walk::{Row, Table};
use wasl_probe::snmp::{Datum, Oid};

use super::rates::Rates;

/// A sensor's name within its device.
const NAME_BYTES: usize = 80;
/// The most sensors of one device; more would be a table of something else.
const MOST: usize = 1_000;
/// Ratios a little above one are rounding.
const WHOLE: f64 = 1.05;

/// Whether a profile is for a device with this `sysObjectID`.
pub(crate) fn applies(profile: &Profile, object: Option<&[u32]>) -> bool {
    profile.matches.is_empty()
        || object.is_some_and(|object| profile.matches.iter().any(|m| object.starts_with(m)))
}

/// The columns that a profile needs, each once.
pub(crate) fn columns(profile: &Profile) -> Vec<ObjectName> {
    let mut columns: Vec<ObjectName> = Vec::new();
    for sensor in &profile.sensors {
        let typed = sensor.typed.iter().flat_map(|t| [&t.kind, &t.scale, &t.precision, &t.status]);
        let others = [&sensor.label, &sensor.times, &sensor.size].into_iter().flatten();
        let only = sensor.only.iter().map(|only| &only.column);
        let except = sensor.except.iter().flat_map(|except| [&except.by, &except.column]);
        let all = std::iter::once(&sensor.column).chain(others).chain(only).chain(except).chain(typed);
        for column in all {
            if !column.is_empty() && !columns.contains(column) {
                columns.push(column.clone());
            }
        }
    }
    columns
}

/// What people call a column of [`columns`]: the profile, and the first of its sensors that needs it.
pub(crate) fn column_name(profile: &Profile, column: &ObjectName) -> String {
    let needs = |sensor: &&SensorProfile| {
        columns(&Profile { id: String::new(), matches: vec![], sensors: vec![(*sensor).clone()] })
            .contains(column)
    };
    let sensor = profile.sensors.iter().find(needs).map(|sensor| sensor.name.as_str());
    match sensor.filter(|name| !name.is_empty()) {
        Some(name) => format!("{}/{}", profile.id, cut(name, NAME_BYTES)),
        None => profile.id.clone(),
    }
}

/// The sensors of `device` in the rows of [`columns`] that say something; those that are rates from the second poll on.
pub(crate) fn samples(
    device: &str,
    profile: &Profile,
    table: &Table,
    rates: &mut Rates,
) -> Vec<(Subject, SensorSample)> {
    rates.begin();
    let columns = columns(profile);
    let mut taken = HashSet::new();
    let mut found = Vec::new();
    for (place, sensor) in profile.sensors.iter().enumerate() {
        let seen = Seen { columns: &columns, sensor };
        for (index, row, name) in seen.rows(device, table) {
            let sample = if sensor.measures == Quantity::Rate && sensor.typed.is_none() {
                let cell = seen.cell(row, Some(&sensor.column));
                let rate = cell.and_then(|cell| rates.tell(place, index, row, cell));
                rate.and_then(|rate| seen.rate(rate))
            } else {
                seen.sample(row)
            };
            let Some(sample) = sample else { continue };
            found.push((own(&name, &mut taken), sample));
            if found.len() >= MOST {
                return found;
            }
        }
    }
    found
}

/// The sensors that `device` has, also those of which nothing can be told at the moment. Where several have one name,
/// there are as many of that name as rows.
pub(crate) fn present(device: &str, profile: &Profile, table: &Table) -> Vec<Subject> {
    let columns = columns(profile);
    let mut taken = HashSet::new();
    let of = |sensor| Seen { columns: &columns, sensor }.rows(device, table);
    let rows = profile.sensors.iter().flat_map(of);
    rows.map(|(_, _, name)| own(&name, &mut taken)).collect()
}

/// A subject that no other sensor of the profile has.
fn own(name: &str, taken: &mut HashSet<String>) -> Subject {
    let mut subject = Subject::lenient(EntityKind::Sensor, name);
    let mut nth = 1;
    while !taken.insert(subject.id.clone()) {
        nth += 1;
        subject = Subject::lenient(EntityKind::Sensor, &format!("{name} {nth}"));
    }
    subject
}

fn cut(text: &str, most: usize) -> &str {
    let mut end = text.len().min(most);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// One sensor of a profile, and where its columns stand.
struct Seen<'a> {
    columns: &'a [ObjectName],
    sensor: &'a SensorProfile,
}

impl Seen<'_> {
    /// Its rows, with the names that they have by themselves.
    fn rows<'t>(&self, device: &str, table: &'t Table) -> Vec<(&'t Oid, &'t Row, String)> {
        let left_out = self.left_out(table);
        let counts = |index: &[u32], row| self.counts(row) && !left_out.contains(index);
        let rows: Vec<_> = table.rows.iter().filter(|(index, row)| counts(index, row)).collect();
        let alone = matches!(rows.as_slice(), [(index, _)] if **index == [0]);
        rows.into_iter()
            .map(|(index, row)| {
                let name = self.name(index, row, alone);
                (index, row, format!("{device}/{}", cut(&name, NAME_BYTES)))
            })
            .collect()
    }

    fn name(&self, index: &[u32], row: &Row, alone: bool) -> String {
        let mut name = cut(&self.sensor.name, NAME_BYTES / 2).to_owned();
        if !alone {
            let numbers = || index.iter().map(u32::to_string).collect::<Vec<_>>().join(".");
            let label = self.cell(row, self.sensor.label.as_ref()).and_then(Datum::text);
            if !name.is_empty() {
                name.push(' ');
            }
            let given = || match index {
                [number] => self.sensor.rows.get(number).cloned(),
                _ => None,
            };
            name.push_str(&label.or_else(given).unwrap_or_else(numbers));
        }
        name
    }

    fn cell<'r>(&self, row: &'r Row, column: Option<&ObjectName>) -> Option<&'r Datum> {
        let place = self.columns.iter().position(|c| Some(c) == column)?;
        row.cells.get(&place)
    }

    fn number(&self, row: &Row, column: &ObjectName) -> Option<i64> {
        self.cell(row, Some(column))?.number()
    }

    /// Whether the row is one of this sensor's.
    fn counts(&self, row: &Row) -> bool {
        let wanted = self.sensor.only.as_ref().is_none_or(|only| match self.cell(row, Some(&only.column)) {
            Some(Datum::Name(name)) => only.names.contains(name),
            Some(datum) => datum.number().is_some_and(|n| only.numbers.contains(&n)),
            None => false,
        });
        wanted && self.cell(row, Some(&self.sensor.column)).is_some() && !self.ignores(row)
    }

    fn ignores(&self, row: &Row) -> bool {
        let Some(label) = self.cell(row, self.sensor.label.as_ref()).and_then(Datum::text) else {
            return false;
        };
        self.sensor.ignore.iter().any(|name| match name.strip_suffix('*') {
            Some(beginning) => label.starts_with(beginning),
            None => label == *name,
        })
    }

    /// The rows that another table leaves out.
    fn left_out(&self, table: &Table) -> HashSet<Vec<u32>> {
        let Some(except) = &self.sensor.except else { return HashSet::new() };
        let said = table.rows.values().filter(|row| {
            self.number(row, &except.column).is_some_and(|number| except.numbers.contains(&number))
        });
        said.filter_map(|row| Some(vec![u32::try_from(self.number(row, &except.by)?).ok()?])).collect()
    }

    fn scale(&self) -> f64 {
        if self.sensor.scale == 0.0 { 1.0 } else { self.sensor.scale }
    }

    fn rate(&self, a_second: f64) -> Option<SensorSample> {
        let rate = a_second * self.scale();
        let milli = rate * 1000.0;
        milli.is_finite().then(|| SensorSample {
            rate: Some(MilliPerSecond(milli.round() as i64)),
            state: self.state(Quantity::Rate, 0, rate),
            ..SensorSample::default()
        })
    }

    fn sample(&self, row: &Row) -> Option<SensorSample> {
        let sensor = self.sensor;
        let raw = value(self.cell(row, Some(&sensor.column))?)?;
        let (quantity, scale) = match &sensor.typed {
            Some(typed) => self.typed(row, typed)?,
            None => (sensor.measures, self.scale()),
        };
        let times = match &sensor.times {
            Some(column) => self.number(row, column)? as f64,
            None => 1.0,
        };
        let mut sample = SensorSample::default();
        let amount = raw * scale * times;
        let unknown = &sensor.unknown;
        if !amount.is_finite()
            || unknown.numbers.iter().any(|number| raw.total_cmp(&(*number as f64)).is_eq())
            || unknown.beyond.broken_by(amount)
        {
            return None;
        }
        let milli = amount * 1000.0;
        let thousandths = || (milli.abs() < 1e15).then_some(milli.round() as i64);
        let ppm = || (0.0..=WHOLE).contains(&amount).then(|| Ppm((amount.min(1.0) * 1e6).round() as u32));
        let mut judged = amount;
        match quantity {
            Quantity::Status => sample.status = Some(Count(u64::try_from(raw as i64).ok()?)),
            Quantity::Temperature => {
                // Nothing that people run is colder than outer space, or works in a furnace.
                sample.temperature = (-273.15..2000.0).contains(&amount).then(thousandths)?.map(MilliCelsius);
                sample.temperature?;
            }
            Quantity::Voltage => sample.voltage = Some(MilliVolts(thousandths()?)),
            Quantity::Current => sample.current = Some(MilliAmperes(thousandths()?)),
            Quantity::Power => sample.power = Some(MilliWatts(thousandths()?)),
            Quantity::Frequency => sample.frequency = Some(MilliHertz(thousandths()?)),
            Quantity::Humidity => sample.humidity = Some(ppm()?),
            Quantity::Charge => sample.charge = Some(ppm()?),
            // An overloaded machine may well say 130 %.
            Quantity::Load => {
                sample.load =
                    Some((0.0..=100.0).contains(&amount).then(|| Ppm((amount * 1e6).round() as u32))?);
            }
            Quantity::Runtime => sample.runtime = Some(Millis(u64::try_from(thousandths()?).ok()?)),
            // Of two polls, and of a counter; this is one value.
            Quantity::Rate => return None,
            Quantity::Fan => {
                sample.fan = Some((0.0..1e6).contains(&amount).then_some(TurnsPerMinute(amount as u32))?);
            }
            Quantity::Storage => {
                let size = self.number(row, sensor.size.as_ref()?)? as f64 * scale * times;
                if size <= 0.0 || amount < 0.0 || amount > size * WHOLE {
                    return None;
                }
                (sample.used, sample.size) = (Some(Bytes(amount.min(size) as u64)), Some(Bytes(size as u64)));
                judged = amount / size;
            }
        }
        sample.state = self.state(quantity, raw as i64, judged);
        Some(sample)
    }

    /// What the value means; unset where the profile says nothing of it.
    fn state(&self, quantity: Quantity, raw: i64, value: f64) -> Option<SensorState> {
        let sensor = self.sensor;
        if quantity == Quantity::Status {
            return sensor.states.get(&raw).copied();
        }
        if sensor.down.broken_by(value) {
            Some(SensorState::Down)
        } else if sensor.degraded.broken_by(value) {
            Some(SensorState::Degraded)
        } else {
            Some(SensorState::Ok)
        }
    }

    /// What a row of ENTITY-SENSOR-MIB measures, and what its value is to be multiplied by (RFC 3433 2 and 3).
    fn typed(&self, row: &Row, typed: &Typed) -> Option<(Quantity, f64)> {
        // ok(1); unavailable(2) and nonoperational(3) have a value that means nothing.
        if self.number(row, &typed.status).is_some_and(|status| status != 1) {
            return None;
        }
        let quantity = match self.number(row, &typed.kind)? {
            3 | 4 => Quantity::Voltage,
            5 => Quantity::Current,
            6 => Quantity::Power,
            7 => Quantity::Frequency,
            8 => Quantity::Temperature,
            9 => Quantity::Humidity,
            10 => Quantity::Fan,
            _ => return None,
        };
        // yocto(1) to yotta(17), in steps of a thousand; units(9).
        let scale = self.number(row, &typed.scale).filter(|n| (1..=17).contains(n))?;
        let precision = self.number(row, &typed.precision).unwrap_or(0);
        if !(-8..=9).contains(&precision) {
            return None;
        }
        // Digits after the point; below zero it is a count of true digits, which changes no value.
        let factor = 10f64.powi((scale as i32 - 9) * 3 - precision.max(0) as i32);
        let ratio = if quantity == Quantity::Humidity { 0.01 } else { 1.0 };
        Some((quantity, factor * ratio))
    }
}

/// A number, also one that a device writes as text.
fn value(datum: &Datum) -> Option<f64> {
    match datum {
        Datum::Text(_) => {
            let text = datum.text()?;
            let number = text.trim_end_matches(|c: char| !c.is_ascii_digit());
            number.parse().ok().filter(|n: &f64| n.is_finite())
        }
        other => other.number().map(|n| n as f64),
    }
}

#[cfg(test)]
mod tests;
