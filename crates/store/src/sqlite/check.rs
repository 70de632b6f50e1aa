//! Is the file sound, and does the work on it keep up?

use std::path::Path;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, SqliteConnection};
use wasl_model::{EntityKind, Incident, Timestamp};

use super::blocks::{self, Row};
use super::compact::blocking;
use super::rows::{count, ranges};
use super::{BUSY_TIMEOUT, SqliteStore, classify, failure, migrate};
use crate::block::{BUCKET, Tier, decode_cells, decode_points};
use crate::ingest::{MAX_EPOCHS, MAX_RANGES};
use crate::{CompactOptions, Depth, Error, ErrorKind, Finding, Gravity};

const DOING: &str = "check the store";

/// Blocks that are read at a time.
const AT_ONCE: u32 = 256;
/// The latest blocks that a quick check reads.
const LATEST: i64 = 2_000;
/// Findings of one code; beyond, they are counted.
const MOST: usize = 50;
/// Compaction takes batches ten minutes after they came and closes stretches ten minutes after their end.
const BEHIND: i64 = 3_600_000;
const LARGE_LOG: u64 = 512 << 20;
const LITTLE_ROOM: u64 = 1 << 30;
const NO_ROOM: u64 = 64 << 20;
/// Clocks differ, and a floor is below now by the shortest retention there is.
const TOMORROW: i64 = 24 * 3_600_000;

impl SqliteStore {
    /// Looks at the store in `file` without changing it, whether or not a controller uses it and
    /// whichever version made it.
    pub async fn inspect(file: &Path, now: Timestamp, depth: Depth) -> Result<Vec<Finding>, Error> {
        let mut connection = open(file).await?;
        look(&mut connection, file, now, depth).await.map(|examined| examined.findings)
    }
}

/// A connection of its own that cannot write.
pub(super) async fn open(file: &Path) -> Result<SqliteConnection, Error> {
    if !file.exists() {
        let missing = std::io::Error::from(std::io::ErrorKind::NotFound);
        return Err(Error::new(DOING, file, ErrorKind::Permission).with_source(missing));
    }
    let options = SqliteConnectOptions::new()
        .filename(file)
        .read_only(true)
        .busy_timeout(BUSY_TIMEOUT)
        .disable_statement_logging();
    options.connect().await.map_err(|error| failure(DOING, file, error))
}

/// What was found, and how much was looked at.
#[derive(Debug, Default)]
pub(super) struct Examined {
    pub(super) findings: Vec<Finding>,
    pub(super) blocks: u64,
    /// Whether the database itself is damaged, and not only what it holds.
    pub(super) broken: bool,
}

impl Examined {
    fn find(&mut self, code: &'static str, gravity: Gravity, message: String, remedy: &str) {
        self.findings.push(Finding { code, gravity, message, remedy: remedy.to_owned() });
    }

    /// The first of many findings, and how many more there are.
    fn find_all(&mut self, code: &'static str, gravity: Gravity, messages: Vec<String>, remedy: &str) {
        let more = messages.len().saturating_sub(MOST);
        for message in messages.into_iter().take(MOST) {
            self.find(code, gravity, message, remedy);
        }
        if more > 0 {
            self.find(code, gravity, format!("and {more} more of the same"), remedy);
        }
    }
}

const RESTORE: &str =
    "stop the controller, keep the file for whoever can mend it, and put the latest backup in its place";

pub(super) async fn look(
    connection: &mut SqliteConnection,
    file: &Path,
    now: Timestamp,
    depth: Depth,
) -> Result<Examined, Error> {
    let mut examined = Examined::default();
    room(file, &mut examined);
    let schema = match migrate::check(connection, file).await {
        Ok(_) => migrate::version(connection).await.map_err(|error| failure(DOING, file, error))?,
        Err(error) => {
            examined.broken = true;
            let kind = error.kind().clone();
            let code = match kind {
                ErrorKind::Newer { .. } => "schema_newer",
                ErrorKind::Foreign => "not_a_store",
                ErrorKind::Corrupt => "file_damaged",
                _ => return Err(error),
            };
            examined.find(code, Gravity::Fault, format!("{}: {kind}", file.display()), RESTORE);
            return Ok(examined);
        }
    };
    let looked = async {
        if depth == Depth::Full {
            whole_file(connection, &mut examined).await?;
        }
        if schema < migrate::MIGRATIONS.len() as i64 {
            examined.find(
                "schema_older",
                Gravity::Note,
                format!("the schema is {schema}, this version's is {}", migrate::MIGRATIONS.len()),
                "nothing; the controller brings it up to date when it starts",
            );
            return Ok(());
        }
        accounts(connection, &mut examined).await?;
        floors(connection, now, &mut examined).await?;
        judged(connection, &mut examined).await?;
        work(connection, now, &mut examined).await?;
        crowds(connection, &mut examined).await?;
        all_blocks(connection, depth, &mut examined).await
    };
    match looked.await {
        Ok(()) => Ok(examined),
        // What a damaged page makes of a query is a finding, not a failure to look.
        Err(error) if classify(&error) == ErrorKind::Corrupt => {
            examined.broken = true;
            examined.find("file_damaged", Gravity::Fault, format!("{}: {error}", file.display()), RESTORE);
            Ok(examined)
        }
        Err(error) => Err(failure(DOING, file, error)),
    }
}

const CROWDED: &str =
    "look at what that machine reports; what goes beyond is left out and named in the controller's log";

/// The disk that the file is on, and the log beside it.
fn room(file: &Path, examined: &mut Examined) {
    #[cfg(unix)]
    if let Some(free) = free_bytes(file) {
        let message = || format!("{} MB are free on the disk of {}", free >> 20, file.display());
        let remedy =
            "free some space there, shorten the retention, or move the state folder to a larger disk";
        if free < NO_ROOM {
            examined.find("disk_full", Gravity::Fault, message(), remedy);
        } else if free < LITTLE_ROOM {
            examined.find("disk_nearly_full", Gravity::Warning, message(), remedy);
        }
    }
    let mut log = file.as_os_str().to_owned();
    log.push("-wal");
    let bytes = std::fs::metadata(&log).map_or(0, |log| log.len());
    if bytes > LARGE_LOG {
        examined.find(
            "log_large",
            Gravity::Warning,
            format!("the write-ahead log of {} has {} MB", file.display(), bytes >> 20),
            "it cannot be cut back while somebody reads the same moment for long: wait for a backup or check to end, or close the database shell",
        );
    }
}

/// What this user may still write on the disk of a file, in bytes.
#[cfg(unix)]
pub(super) fn free_bytes(file: &Path) -> Option<u64> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let disk = nix::sys::statvfs::statvfs(folder).ok()?;
    Some(disk.blocks_available() as u64 * disk.fragment_size() as u64)
}

async fn whole_file(connection: &mut SqliteConnection, examined: &mut Examined) -> sqlx::Result<()> {
    let lines: Vec<String> =
        sqlx::query_scalar("PRAGMA integrity_check (50)").fetch_all(&mut *connection).await?;
    let lines: Vec<String> = lines.into_iter().filter(|line| line != "ok").collect();
    examined.broken |= !lines.is_empty();
    examined.find_all("file_damaged", Gravity::Fault, lines, RESTORE);
    let orphans: Vec<(String, Option<i64>, String, i64)> =
        sqlx::query_as("PRAGMA foreign_key_check").fetch_all(connection).await?;
    let orphans = orphans.into_iter().map(|(table, row, of, _)| {
        format!("row {} of the table {table} belongs to a row of {of} that is not there", row.unwrap_or(0))
    });
    examined.find_all("row_orphaned", Gravity::Fault, orphans.collect(), RESTORE);
    Ok(())
}

/// Stored and given up must add up to what was received.
async fn accounts(connection: &mut SqliteConnection, examined: &mut Examined) -> sqlx::Result<()> {
    let streams: Vec<(String, i64, Vec<u8>, i64, i64)> = sqlx::query_as(
        "SELECT s.agent, s.epoch, s.received, s.stored, \
         (SELECT COALESCE(SUM(d.batches), 0) FROM stream_dropped d WHERE d.stream = s.id) FROM stream s",
    )
    .fetch_all(connection)
    .await?;
    let (mut messages, mut holes) = (Vec::new(), Vec::new());
    for (agent, epoch, received, stored, dropped) in streams {
        let name = format!("agent {agent}, epoch {:016x}", epoch.cast_unsigned());
        match ranges(&received) {
            Ok(received) => {
                if received.count() * 2 > MAX_RANGES {
                    holes.push(format!("{name}: {} stretches of sequence numbers", received.count()));
                }
                let numbers: u128 = received.iter().map(|(first, last)| u128::from(last - first) + 1).sum();
                let accounted = u128::from(count(stored)) + u128::from(count(dropped));
                // A sum of given-up batches saturates.
                if numbers != accounted && dropped != i64::MAX {
                    messages.push(format!(
                        "{name}: {numbers} sequence numbers were received or given up, {accounted} are accounted for"
                    ));
                }
            }
            Err(_) => messages.push(format!("{name}: the list of received sequence numbers is damaged")),
        }
    }
    examined.find_all("agent_crowded", Gravity::Warning, holes, CROWDED);
    examined.find_all(
        "account_wrong",
        Gravity::Fault,
        messages,
        "put the latest backup in its place; agents deliver again what it lacks and they still have",
    );
    Ok(())
}

/// Agents that use up what one agent may take.
async fn crowds(connection: &mut SqliteConnection, examined: &mut Examined) -> sqlx::Result<()> {
    let most = CompactOptions::default().max_series as i64;
    for (sql, what, most) in [
        ("SELECT agent, COUNT(*) FROM series GROUP BY agent HAVING COUNT(*) * 2 > $1", "series", most),
        (
            "SELECT agent, COUNT(*) FROM stream GROUP BY agent HAVING COUNT(*) * 2 > $1",
            "epochs",
            MAX_EPOCHS as i64,
        ),
    ] {
        let many: Vec<(String, i64)> = sqlx::query_as(sql).bind(most).fetch_all(&mut *connection).await?;
        let messages = many
            .into_iter()
            .map(|(agent, count)| format!("agent {agent} has {count} {what} of {most} that one may have"));
        examined.find_all("agent_crowded", Gravity::Warning, messages.collect(), CROWDED);
    }
    Ok(())
}

async fn floors(
    connection: &mut SqliteConnection,
    now: Timestamp,
    examined: &mut Examined,
) -> sqlx::Result<()> {
    let ahead: Vec<(i64, i64, i64)> =
        sqlx::query_as("SELECT tier, kind, floor_ms FROM kind_floor WHERE floor_ms > $1")
            .bind(now.0.saturating_add(TOMORROW))
            .fetch_all(connection)
            .await?;
    let messages = ahead.into_iter().map(|(tier, kind, floor)| {
        let kind = u32::try_from(kind).ok().and_then(EntityKind::from_code);
        let kind = kind.map_or("every kind", EntityKind::as_str);
        format!("history of {kind} in tier {tier} is kept only from {floor} ms since 1970 on, which is yet to come")
    });
    examined.find_all(
        "floor_ahead",
        Gravity::Fault,
        messages.collect(),
        "the clock of this machine was wrong when old history was deleted; set it, and put the latest backup in place",
    );
    Ok(())
}

/// Judgements and incidents that cannot be read.
async fn judged(connection: &mut SqliteConnection, examined: &mut Examined) -> sqlx::Result<()> {
    let states: Vec<(i64, String, String)> =
        sqlx::query_as("SELECT kind, subject, state FROM entity_state").fetch_all(&mut *connection).await?;
    let unreadable = |(kind, subject, state): (i64, String, String)| {
        let read = serde_json::from_str::<wasl_model::health::EntityState>(&state);
        read.err().map(|error| format!("the judgement of kind {kind}, {subject}: {error}"))
    };
    let messages = states.into_iter().filter_map(unreadable).collect();
    let remedy = "nothing; the entity is judged anew, and only its since-time is lost";
    examined.find_all("judgement_unreadable", Gravity::Warning, messages, remedy);
    let mut messages = Vec::new();
    let mut after = -1;
    loop {
        let incidents: Vec<(i64, String)> =
            sqlx::query_as("SELECT id, body FROM incident WHERE id > $1 ORDER BY id LIMIT $2")
                .bind(after)
                .bind(AT_ONCE)
                .fetch_all(&mut *connection)
                .await?;
        let Some((last, _)) = incidents.last() else { break };
        after = *last;
        messages.extend(incidents.iter().filter_map(|(id, body)| {
            let read = serde_json::from_str::<Incident>(body);
            read.err().map(|error| format!("incident {id}: {error}"))
        }));
    }
    let remedy =
        "it is left out of all lists; a later version of Wasl may read it, or put the latest backup in place";
    examined.find_all("incident_unreadable", Gravity::Warning, messages, remedy);
    Ok(())
}

/// Does compaction keep up?
async fn work(
    connection: &mut SqliteConnection,
    now: Timestamp,
    examined: &mut Examined,
) -> sqlx::Result<()> {
    let remedy = "if the controller runs, its log says why batches do not become blocks; if it was off, it catches up in minutes";
    let oldest: Option<i64> = sqlx::query_scalar("SELECT received_ms FROM batch ORDER BY id LIMIT 1")
        .fetch_optional(&mut *connection)
        .await?;
    if let Some(age) = oldest.map(|at| now.0.saturating_sub(at)).filter(|age| *age > BEHIND) {
        let message =
            format!("the oldest batch that is not yet part of the history came {} minutes ago", age / 60_000);
        examined.find("compaction_behind", Gravity::Warning, message, remedy);
    }
    let open: Option<i64> =
        sqlx::query_scalar("SELECT MIN(start_ms) FROM block WHERE NOT sealed").fetch_one(connection).await?;
    let age = open.map(|start| now.0.saturating_sub(crate::rollup::floor(start, BUCKET) + BUCKET));
    if let Some(age) = age.filter(|age| *age > BEHIND) {
        let message = format!("a stretch that ended {} minutes ago is not yet in the roll-ups", age / 60_000);
        examined.find("sealing_behind", Gravity::Warning, message, remedy);
    }
    Ok(())
}

/// Reads blocks and names each that is damaged.
async fn all_blocks(
    connection: &mut SqliteConnection,
    depth: Depth,
    examined: &mut Examined,
) -> sqlx::Result<()> {
    let mut after = match depth {
        Depth::Full => i64::MIN,
        Depth::Quick => {
            let last: Option<i64> =
                sqlx::query_scalar("SELECT MAX(id) FROM block").fetch_one(&mut *connection).await?;
            last.unwrap_or(0) - LATEST
        }
    };
    let mut messages = Vec::new();
    loop {
        // Whole rows, because a damaged number is damage too.
        let rows: Vec<(i64, Row)> = blocks::after(connection, after, AT_ONCE).await?;
        let Some((_, last)) = rows.last() else { break };
        after = last.0;
        examined.blocks += rows.len() as u64;
        let damaged = blocking(move || rows.into_iter().filter_map(damage).collect::<Vec<_>>()).await?;
        for (series, tier, start, end, what) in damaged {
            let name = series_name(connection, series).await?;
            messages
                .push(format!("the block of {name}, {tier}, from {start} to {end} ms since 1970: {what}"));
        }
    }
    examined.find_all(
        "block_damaged",
        Gravity::Fault,
        messages,
        "charts leave it out and everything else works; look at the disk (`dmesg`, `smartctl`), and put the latest backup in place if that stretch matters",
    );
    Ok(())
}

type Damaged = (i64, &'static str, i64, i64, String);

fn damage((series, row): (i64, Row)) -> Option<Damaged> {
    let (tier, start, end) = (Tier::from_code(row.1), row.3, row.4);
    let block = blocks::stored(row).block;
    let name = match tier {
        Some(Tier::Raw) => "raw",
        Some(Tier::FiveMinutes) => "5 minutes",
        Some(Tier::OneHour) => "1 hour",
        None => return Some((series, "an unknown tier", start, end, "there is no such tier".into())),
    };
    let times: Result<Vec<i64>, _> = match tier {
        Some(Tier::Raw) => decode_points(&block).map(|points| points.iter().map(|(at, _)| *at).collect()),
        _ => decode_cells(&block).map(|cells| cells.iter().map(|cell| cell.start).collect()),
    };
    let what = match times {
        Err(damage) => damage.to_string(),
        Ok(times) if (times.first(), times.last()) != (Some(&start), Some(&end)) => {
            "its content does not begin and end where its row says".into()
        }
        Ok(times) if !times.is_sorted() => "its times do not ascend".into(),
        Ok(_) => return None,
    };
    Some((series, name, start, end, what))
}

async fn series_name(connection: &mut SqliteConnection, id: i64) -> sqlx::Result<String> {
    let row: Option<(String, i64, String, String)> =
        sqlx::query_as("SELECT agent, kind, subject, field FROM series WHERE id = $1")
            .bind(id)
            .fetch_optional(connection)
            .await?;
    Ok(row.map_or_else(
        || format!("series {id}, which is not there"),
        |(agent, kind, subject, field)| {
            let kind = u32::try_from(kind).ok().and_then(EntityKind::from_code);
            format!("{}/{subject}#{field}@{agent}", kind.map_or("?", EntityKind::as_str))
        },
    ))
}
