//! What is read of a device at a poll, and what is kept from one poll to the next to read less.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use wasl_model::profile::Profile;
use wasl_model::{SensorSample, Subject};
use wasl_probe::lldp::{Announcement, remote};
use wasl_probe::snmp::pace::{ATTEMPTS, Pace};
use wasl_probe::snmp::walk::{Ask, Fault, Known, Table, Walk};
use wasl_probe::snmp::{Binding, Datum, Oid};

use super::client::{SnmpClient, SnmpError};
use super::counters::{self, Reading};
use super::identity::Names;
use super::interfaces::{self, FIXED, Fixed, HEAD, LANES, MORE, NARROW, TRAFFIC};
use super::partial::Faults;
use super::rates::Rates;
use super::sensors;

/// What seldom changes is read anew after this time.
const FIXED_FOR: Duration = Duration::from_hours(1);
/// And after this time from a device that does not tell when its interfaces change.
const UNANNOUNCED_FOR: Duration = Duration::from_mins(5);

/// What sensors measure changes slowly; they are not read more often than this.
const SENSORS_EVERY: Duration = Duration::from_secs(30);
/// Who is at a device's ports changes seldom. From a device that tells nobody it takes one request to learn that.
const NEIGHBOURS_EVERY: Duration = Duration::from_mins(5);
/// What a device may have is asked for so often in vain before it is left alone for an hour.
const EMPTY_READS: u32 = 3;
/// A device that has just started lists its cards and ports one after the other, in hundredths of a second of its uptime.
const STARTING: u32 = 5 * 60 * 100;
/// `sysObjectID`, without its instance.
const SYS_OBJECT_ID: &[u32] = &[1, 3, 6, 1, 2, 1, 1, 2];

/// What a poll of a device that answers brought.
pub(super) struct Answer {
    /// `sysUpTime`, in hundredths of a second.
    pub uptime: Option<u32>,
    pub readings: Vec<(Subject, Reading)>,
    /// The interfaces are all that the device has.
    pub whole: bool,
    /// What the device's sensors say, where they were read.
    pub sensors: Option<Sensors>,
    /// Who is at the device's ports, where it was read.
    pub neighbours: Option<Vec<(String, Announcement)>>,
    /// Columns of interfaces that could not be read to their end, and why.
    pub faults: Faults,
}

/// What a reading of a device's sensors brought.
#[derive(Default)]
pub(super) struct Sensors {
    pub samples: Vec<(Subject, SensorSample)>,
    /// All that the device has, also those that say nothing at the moment.
    pub present: Vec<Subject>,
    /// These are all; a part of the device that has died and left no row is no proof of that.
    pub whole: bool,
    /// What could not be read.
    pub faults: Faults,
}

/// One device's tables.
pub(super) struct Tables {
    device: String,
    epoch: Instant,
    longest: Duration,
    pace: Option<Pace>,
    traffic: Known,
    narrow: Known,
    fixed: Option<(Fixed, Duration)>,
    names: Names,
    /// The uptime at the last poll, and when that was.
    uptime: Option<(u32, Duration)>,
    instruments: Vec<Instrument>,
    /// `sysObjectID`, as far as it is known.
    object: Option<Oid>,
    /// When it was last told, and profiles of which the device had nothing were given another chance.
    object_read: Option<Duration>,
    sensors_read: Option<Duration>,
    /// When the device is next asked for its neighbours.
    neighbours_due: Duration,
}

/// A profile that may be for the device.
struct Instrument {
    profile: Profile,
    columns: Vec<Oid>,
    known: Known,
    rates: Rates,
    /// The device had something of it.
    seen: bool,
    /// How often it is still asked for as long as the device has nothing of it.
    tries: u32,
}

impl Instrument {
    /// Whether it is worth asking for.
    fn counts(&self, object: Option<&[u32]>) -> bool {
        sensors::applies(&self.profile, object) && (self.seen || self.tries > 0)
    }

    /// Notes whether there was anything; where something could not be read, that is not known.
    fn note(&mut self, table: &Table) {
        if !table.rows.is_empty() {
            self.seen = true;
        } else if table.faults.is_empty() {
            self.tries = self.tries.saturating_sub(1);
        }
    }
}

impl Tables {
    /// Nothing is known yet. No request is awaited for more than `longest`; times are told since `epoch`.
    pub(super) fn new(device: &str, profiles: Vec<Profile>, epoch: Instant, longest: Duration) -> Self {
        let instrument = |profile: Profile| Instrument {
            columns: sensors::columns(&profile),
            profile,
            known: Known::default(),
            rates: Rates::default(),
            seen: false,
            tries: EMPTY_READS,
        };
        Self {
            device: device.to_owned(),
            epoch,
            longest,
            pace: None,
            traffic: Known::default(),
            narrow: Known::default(),
            fixed: None,
            names: Names::default(),
            uptime: None,
            instruments: profiles.into_iter().map(instrument).collect(),
            object: None,
            object_read: None,
            sensors_read: None,
            neighbours_due: Duration::ZERO,
        }
    }

    /// How long to wait for a device that may be dead.
    pub(super) fn patience(&self) -> Duration {
        self.pace.as_ref().map_or(self.longest, Pace::patience)
    }

    /// What seldom changes is read anew at the next poll.
    pub(super) fn distrust(&mut self) {
        self.fixed = None;
    }

    /// One poll, as far as it comes before `deadline`. What was read before something failed is kept.
    pub(super) async fn poll(
        &mut self,
        client: &impl SnmpClient,
        deadline: Instant,
    ) -> Result<Answer, SnmpError> {
        let pace = self.pace.take();
        let pace = pace.unwrap_or_else(|| Pace::new(client.overhead(), LANES, self.longest));
        let way = Way { client, pace: Mutex::new(pace), epoch: self.epoch, deadline };
        let mut answer = self.read(&way).await;
        if let Ok(answer) = &mut answer {
            answer.sensors = self.read_sensors(&way).await;
            answer.neighbours = self.read_neighbours(&way).await;
        }
        self.pace = Some(way.pace.into_inner().unwrap_or_else(PoisonError::into_inner));
        answer
    }

    async fn read<C: SnmpClient>(&mut self, way: &Way<'_, C>) -> Result<Answer, SnmpError> {
        let now = self.epoch.elapsed();
        let expired = self.fixed.as_ref().is_none_or(|(fixed, read)| {
            let most = if fixed.is_announced() { FIXED_FOR } else { UNANNOUNCED_FOR };
            now.saturating_sub(*read) >= most
        });
        if expired {
            self.traffic.distrust();
            self.narrow.distrust();
        }
        let known = std::mem::take(&mut self.traffic);
        let mut traffic = way.walk(TRAFFIC, HEAD, LANES, known, true).await?;
        let mut faults = named(TRAFFIC, &traffic);
        let uptime = traffic.uptime.map(|ticks| (ticks, self.epoch.elapsed()));
        let interrupted = match (self.uptime, uptime) {
            (Some((before, then)), Some((after, now))) => {
                counters::interrupted(before, after, now.saturating_sub(then)).is_some()
            }
            _ => false,
        };
        self.uptime = uptime;
        if interrupted {
            // It may be another device by now, or have other parts.
            self.object_read = None;
            for instrument in &mut self.instruments {
                (instrument.seen, instrument.tries) = (false, EMPTY_READS);
            }
        }
        self.traffic = std::mem::take(&mut traffic.known);
        let narrow = if interfaces::lacks_wide(&traffic) {
            let known = std::mem::take(&mut self.narrow);
            let mut narrow = way.walk(NARROW, HEAD, LANES, known, false).await?;
            self.narrow = std::mem::take(&mut narrow.known);
            faults.extend(named(NARROW, &narrow));
            narrow
        } else {
            Table::default()
        };
        let fits = |fixed: &Fixed| fixed.fits(&traffic);
        if expired || interrupted || !self.fixed.as_ref().is_some_and(|(fixed, _)| fits(fixed)) {
            let fixed = way.walk(FIXED, HEAD, 1, Known::default(), false).await?;
            let more = if interfaces::lacks_names(&fixed) {
                way.walk(MORE, &[], 1, Known::default(), false).await?
            } else {
                Table::default()
            };
            faults.extend(named(FIXED, &fixed));
            faults.extend(named(MORE, &more));
            // Half a list of names would make new series of old interfaces.
            let whole = |table: &Table| table.faults.iter().all(|(_, fault)| *fault != Fault::Unread);
            // Nor is it known then which of two interfaces lives.
            if whole(&fixed) && whole(&more) && interfaces::tells_status(&traffic) {
                let found = Fixed::new(&self.device, &fixed, &more, [&traffic, &narrow], &mut self.names);
                self.fixed = Some((found, self.epoch.elapsed()));
            }
        }
        // Which interface a number means must not have changed since the counters were read; and counters from
        // before and after a restart do not belong together. The next poll's are whole again.
        let torn = traffic.restarted || narrow.restarted;
        let readings = match &self.fixed {
            Some((fixed, _)) if !torn && fixed.fits(&traffic) => {
                interfaces::readings(fixed, &traffic, &narrow)
            }
            _ => Vec::new(),
        };
        // A table without a row is one that the device failed to fill.
        let whole = faults.is_empty() && !readings.is_empty() && !self.is_starting();
        Ok(Answer { uptime: traffic.uptime, readings, whole, sensors: None, neighbours: None, faults })
    }

    /// Whether the device may not have listed all its parts yet.
    fn is_starting(&self) -> bool {
        self.uptime.is_some_and(|(ticks, _)| ticks < STARTING)
    }

    /// The sensors and what of them could not be read, where it is time for them. Which profiles are for the device is
    /// found out once an hour; while that cannot be asked, the device is what it was.
    async fn read_sensors<C: SnmpClient>(&mut self, way: &Way<'_, C>) -> Option<Sensors> {
        let now = self.epoch.elapsed();
        let due = self.sensors_read.is_none_or(|at| now.saturating_sub(at) >= SENSORS_EVERY);
        if self.instruments.is_empty() || !due {
            return None;
        }
        self.sensors_read = Some(now);
        let mut found = Sensors { whole: !self.is_starting(), ..Sensors::default() };
        if self.object_read.is_none_or(|at| now.saturating_sub(at) >= FIXED_FOR) {
            found.faults.extend(self.read_object(way, now).await);
        }
        for instrument in &mut self.instruments {
            if !instrument.counts(self.object.as_deref()) {
                continue;
            }
            let columns: Vec<&[u32]> = instrument.columns.iter().map(Vec::as_slice).collect();
            let known = std::mem::take(&mut instrument.known);
            let Ok(mut table) = way.walk(&columns, &[], 1, known, false).await else {
                found.whole = false;
                break;
            };
            instrument.known = std::mem::take(&mut table.known);
            instrument.note(&table);
            found.whole &= !(instrument.seen && table.rows.is_empty());
            for &(column, fault) in &table.faults {
                let fault = (sensors::column_name(&instrument.profile, &instrument.columns[column]), fault);
                if !found.faults.contains(&fault) {
                    found.faults.push(fault);
                }
            }
            let Instrument { profile, rates, .. } = instrument;
            found.samples.extend(sensors::samples(&self.device, profile, &table, rates));
            found.present.extend(sensors::present(&self.device, profile, &table));
        }
        found.whole &= found.faults.is_empty();
        Some(found)
    }

    /// Asks what kind of device it is; why that could not be told, if so.
    async fn read_object<C: SnmpClient>(
        &mut self,
        way: &Way<'_, C>,
        now: Duration,
    ) -> Option<(String, Fault)> {
        let table = way.walk(&[SYS_OBJECT_ID], &[], 1, Known::default(), false).await.unwrap_or_default();
        let value = table.rows.into_values().next().and_then(|mut row| row.cells.remove(&0));
        let name = match value {
            Some(Datum::Name(name)) => Some(name),
            _ => None,
        };
        match table.faults.first() {
            Some((_, fault)) if name.is_none() => return Some(("sysObjectID".to_owned(), *fault)),
            _ => {}
        }
        (self.object, self.object_read) = (name, Some(now));
        for instrument in &mut self.instruments {
            instrument.tries = instrument.tries.max(1);
        }
        None
    }
}

impl Tables {
    /// The neighbours at the device's ports, where it is time for them and all of them could be read.
    async fn read_neighbours<C: SnmpClient>(
        &mut self,
        way: &Way<'_, C>,
    ) -> Option<Vec<(String, Announcement)>> {
        let now = self.epoch.elapsed();
        if now < self.neighbours_due {
            return None;
        }
        self.neighbours_due = now + NEIGHBOURS_EVERY;
        let walk = async |columns| way.walk(columns, &[], 1, Known::default(), false).await.ok();
        let table = walk(remote::REMOTE).await.filter(|table| table.faults.is_empty())?;
        if table.rows.is_empty() {
            return Some(Vec::new());
        }
        let management = walk(remote::MANAGEMENT).await.unwrap_or_default();
        let local = walk(remote::LOCAL).await.filter(|table| table.faults.is_empty())?;
        let holds = 2 * NEIGHBOURS_EVERY.as_secs() as u16;
        Some(remote::neighbours(&table, &management, &local, holds))
    }
}

fn named(columns: &[&[u32]], table: &Table) -> Faults {
    let name =
        |&(column, fault): &(usize, Fault)| (interfaces::column_name(columns[column]).to_owned(), fault);
    table.faults.iter().map(name).collect()
}

/// The way to a device during one poll.
struct Way<'a, C> {
    client: &'a C,
    pace: Mutex<Pace>,
    epoch: Instant,
    deadline: Instant,
}

impl<C: SnmpClient> Way<'_, C> {
    fn pace(&self) -> MutexGuard<'_, Pace> {
        self.pace.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads columns, several lanes at once. Fails only if `first` and nothing at all came.
    async fn walk(
        &self,
        columns: &[&[u32]],
        head: &[&[u32]],
        lanes: usize,
        known: Known,
        first: bool,
    ) -> Result<Table, SnmpError> {
        let walk = Mutex::new(Walk::new(columns, head, lanes, known));
        let lanes = held(&walk).lanes();
        // The first reply tells whether the device answers, and how far the table may be trusted.
        let begun = self.lane(&walk, 0, Some(1), first).await;
        if first {
            begun?;
        }
        let window = Semaphore::new(self.pace().window());
        let lane = async |lane| {
            let _turn = window.acquire().await;
            let _ = self.lane(&walk, lane, None, false).await;
        };
        join_all((0..lanes).map(lane)).await;
        Ok(walk.into_inner().unwrap_or_else(PoisonError::into_inner).finish())
    }

    /// Reads one lane to its end, or for so many replies. The error is what ended it early. Whether a device
    /// answers at all is found out in full even when that takes longer than there is time.
    async fn lane(
        &self,
        walk: &Mutex<Walk>,
        lane: usize,
        replies: Option<usize>,
        in_full: bool,
    ) -> Result<(), SnmpError> {
        let (mut silent, mut seen) = (0, 0);
        while replies.is_none_or(|most| seen < most) {
            let Some(ask) = held(walk).next(lane, self.pace().bytes()) else { break };
            if !in_full && Instant::now() >= self.deadline {
                held(walk).give_up(lane);
                break;
            }
            match self.ask(&ask).await {
                Ok(reply) => {
                    held(walk).take(&ask, &reply, self.epoch.elapsed());
                    (silent, seen) = (0, seen + 1);
                }
                Err(SnmpError::TooBig) => {
                    self.pace().too_big(ask.bytes);
                    held(walk).too_big(&ask);
                }
                Err(SnmpError::Status { index }) => held(walk).refused(&ask, index),
                Err(SnmpError::Silent) if silent + 1 < ATTEMPTS => silent += 1,
                Err(error) => {
                    held(walk).give_up(lane);
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    async fn ask(&self, ask: &Ask) -> Result<Vec<Binding>, SnmpError> {
        let patience = self.pace().patience();
        match self.client.get_bulk(ask, patience).await {
            Ok((reply, took)) => {
                self.pace().answered(took);
                Ok(reply)
            }
            Err(SnmpError::Silent) => {
                self.pace().silent();
                Err(SnmpError::Silent)
            }
            Err(error) => Err(error),
        }
    }
}

fn held(walk: &Mutex<Walk>) -> MutexGuard<'_, Walk> {
    walk.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
