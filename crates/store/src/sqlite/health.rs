//! Judgements, incidents, maintenance and events.

use std::collections::HashSet;

use async_trait::async_trait;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::{QueryBuilder, Sqlite, SqliteConnection};
use wasl_model::health::{Health, Reason};
use wasl_model::{EntityKind, Incident, IncidentEvent, Maintenance, SiteId, Subject, Timestamp};

use super::rows::{count, damaged, parsed_option, whole};
use super::{Inner, SqliteStore};
use crate::{
    Error, EventFilter, HealthChange, HealthEvent, HealthRetained, HealthRetention, HealthStore,
    IncidentFilter, StateRecord, StoredEvent,
};

/// Rows per statement.
const ROWS: usize = 100;

/// The key in `meta` of the greatest number that an incident ever had.
const LAST_INCIDENT: &str = "last_incident";

#[async_trait]
impl HealthStore for SqliteStore {
    async fn save_health(&self, change: &HealthChange) -> Result<Vec<u64>, Error> {
        save(&self.inner, change).await.map_err(self.inner.fail("keep what was judged"))
    }

    async fn health(&self) -> Result<Vec<StateRecord>, Error> {
        states(&self.inner).await.map_err(self.inner.fail("read the judgements"))
    }

    async fn events(&self, after: u64, limit: u32) -> Result<Vec<StoredEvent>, Error> {
        events(&self.inner, after, limit).await.map_err(self.inner.fail("read the events"))
    }

    async fn find_events(&self, filter: &EventFilter) -> Result<Vec<StoredEvent>, Error> {
        find_events(&self.inner, filter).await.map_err(self.inner.fail("look up events"))
    }

    async fn last_event_id(&self) -> Result<u64, Error> {
        let last: Option<i64> =
            sqlx::query_scalar("SELECT seq FROM sqlite_sequence WHERE name = 'health_event'")
                .fetch_optional(&self.inner.readers)
                .await
                .map_err(self.inner.fail("read the events"))?;
        Ok(last.map_or(0, count))
    }

    async fn incidents(&self, filter: &IncidentFilter) -> Result<Vec<Incident>, Error> {
        incidents(&self.inner, filter).await.map_err(self.inner.fail("read the incidents"))
    }

    async fn incident(&self, id: u64) -> Result<Option<Incident>, Error> {
        let fail = self.inner.fail("read an incident");
        let body: Option<String> = sqlx::query_scalar("SELECT body FROM incident WHERE id = $1")
            .bind(whole(id))
            .fetch_optional(&self.inner.readers)
            .await
            .map_err(&fail)?;
        body.map(|body| read(&body)).transpose().map_err(&fail)
    }

    async fn next_incident_id(&self) -> Result<u64, Error> {
        let last: Option<i64> = sqlx::query_scalar("SELECT value FROM meta WHERE key = $1")
            .bind(LAST_INCIDENT)
            .fetch_optional(&self.inner.readers)
            .await
            .map_err(self.inner.fail("read the incidents"))?;
        Ok(last.map_or(0, count) + 1)
    }

    async fn add_maintenance(&self, maintenance: &Maintenance) -> Result<u64, Error> {
        add_maintenance(&self.inner, maintenance).await.map_err(self.inner.fail("keep a maintenance"))
    }

    async fn save_maintenance(&self, maintenance: &Maintenance) -> Result<bool, Error> {
        let mut writer = self.inner.writer.lock().await;
        update_maintenance(&mut writer, maintenance).await.map_err(self.inner.fail("change a maintenance"))
    }

    async fn maintenances(&self, ending_after: Timestamp) -> Result<Vec<Maintenance>, Error> {
        let fail = self.inner.fail("read the maintenances");
        let rows: Vec<String> =
            sqlx::query_scalar("SELECT body FROM maintenance WHERE until_ms > $1 ORDER BY from_ms, id")
                .bind(ending_after.0)
                .fetch_all(&self.inner.readers)
                .await
                .map_err(&fail)?;
        rows.iter().map(|body| read(body)).collect::<sqlx::Result<_>>().map_err(&fail)
    }

    async fn retain_health(
        &self,
        now: Timestamp,
        retention: &HealthRetention,
    ) -> Result<HealthRetained, Error> {
        retain(&self.inner, now, retention).await.map_err(self.inner.fail("delete old incidents"))
    }
}

fn text(value: &impl Serialize) -> sqlx::Result<String> {
    serde_json::to_string(value).map_err(|error| sqlx::Error::Encode(error.into()))
}

fn read<T: DeserializeOwned>(body: &str) -> sqlx::Result<T> {
    serde_json::from_str(body).map_err(damaged)
}

async fn save(inner: &Inner, change: &HealthChange) -> sqlx::Result<Vec<u64>> {
    let mut writer = inner.writer.lock().await;
    let mut tx = writer.transaction().await?;
    for record in &change.states {
        upsert_state(&mut tx, record).await?;
    }
    for incident in &change.incidents {
        upsert_incident(&mut tx, incident).await?;
    }
    if let Some(last) = change.incidents.iter().map(|incident| incident.id).max() {
        sqlx::query(
            "INSERT INTO meta (key, value) VALUES ($1, $2) \
             ON CONFLICT (key) DO UPDATE SET value = MAX(value, excluded.value)",
        )
        .bind(LAST_INCIDENT)
        .bind(whole(last))
        .execute(&mut *tx)
        .await?;
    }
    // After the incidents, which ask where an entity was.
    for subject in &change.gone {
        sqlx::query("DELETE FROM entity_state WHERE kind = $1 AND subject = $2")
            .bind(kind_code(subject))
            .bind(subject.id.as_str())
            .execute(&mut *tx)
            .await?;
    }
    let mut ids = Vec::with_capacity(change.events.len());
    for event in &change.events {
        ids.push(insert_event(&mut tx, event).await?);
    }
    tx.commit().await?;
    Ok(ids)
}

fn kind_code(subject: &Subject) -> i64 {
    i64::from(subject.kind.code())
}

async fn upsert_state(tx: &mut SqliteConnection, record: &StateRecord) -> sqlx::Result<()> {
    sqlx::query(
        "INSERT INTO entity_state (kind, subject, site, health, since_ms, state) \
         VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (kind, subject) DO UPDATE SET \
         site = excluded.site, health = excluded.health, since_ms = excluded.since_ms, \
         state = excluded.state",
    )
    .bind(kind_code(&record.subject))
    .bind(record.subject.id.as_str())
    .bind(record.site.as_ref().map(SiteId::as_str))
    .bind(record.state.health.as_str())
    .bind(record.state.since.0)
    .bind(text(&record.state)?)
    .execute(tx)
    .await?;
    Ok(())
}

async fn upsert_incident(tx: &mut SqliteConnection, incident: &Incident) -> sqlx::Result<()> {
    sqlx::query(
        "INSERT INTO incident (id, severity, opened_ms, ended_ms, body) VALUES ($1, $2, $3, $4, $5) \
         ON CONFLICT (id) DO UPDATE SET severity = excluded.severity, opened_ms = excluded.opened_ms, \
         ended_ms = excluded.ended_ms, body = excluded.body",
    )
    .bind(whole(incident.id))
    .bind(incident.severity.as_str())
    .bind(incident.opened.0)
    .bind(incident.ended.map(|at| at.0))
    .bind(text(incident)?)
    .execute(&mut *tx)
    .await?;
    let known: Vec<(i64, String)> =
        sqlx::query_as("SELECT kind, subject FROM incident_subject WHERE incident = $1")
            .bind(whole(incident.id))
            .fetch_all(&mut *tx)
            .await?;
    let known: HashSet<(i64, &str)> = known.iter().map(|(kind, id)| (*kind, id.as_str())).collect();
    let mut new: HashSet<&Subject> = concerned(incident).collect();
    new.retain(|subject| !known.contains(&(kind_code(subject), subject.id.as_str())));
    let new: Vec<&Subject> = new.into_iter().collect();
    for subjects in new.chunks(ROWS) {
        let mut query: QueryBuilder<Sqlite> = QueryBuilder::new("WITH new (kind, subject) AS (");
        query.push_values(subjects, |mut row, subject| {
            row.push_bind(kind_code(subject)).push_bind(subject.id.as_str());
        });
        query.push(") INSERT INTO incident_subject (incident, kind, subject, site) SELECT ");
        query.push_bind(whole(incident.id));
        query.push(", new.kind, new.subject, CASE WHEN new.kind = ");
        query.push_bind(i64::from(EntityKind::Site.code()));
        query.push(
            " THEN new.subject ELSE state.site END FROM new LEFT JOIN entity_state state \
             ON state.kind = new.kind AND state.subject = new.subject",
        );
        query.build().persistent(subjects.len() == ROWS).execute(&mut *tx).await?;
    }
    Ok(())
}

/// Everything that an incident is about: its root, what suffers, and what suffered before.
fn concerned(incident: &Incident) -> impl Iterator<Item = &Subject> {
    let joined = incident.timeline.iter().filter_map(|entry| match &entry.event {
        IncidentEvent::Joined { subject } => Some(subject),
        _ => None,
    });
    std::iter::once(&incident.root).chain(&incident.affected).chain(joined)
}

async fn insert_event(tx: &mut SqliteConnection, event: &HealthEvent) -> sqlx::Result<u64> {
    let id: i64 = sqlx::query_scalar(
        "INSERT INTO health_event (at_ms, kind, subject, site, was, health, reason, occurrence, code) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) RETURNING id",
    )
    .bind(event.at.0)
    .bind(kind_code(&event.subject))
    .bind(event.subject.id.as_str())
    .bind(event.site.as_ref().map(SiteId::as_str))
    .bind(event.was.map(Health::as_str))
    .bind(event.health.map(Health::as_str))
    .bind(event.reason.as_ref().map(text).transpose()?)
    .bind(event.occurrence.as_ref().map(text).transpose()?)
    .bind(code(event))
    .fetch_one(tx)
    .await?;
    Ok(count(id))
}

/// The code that an event is looked up by.
fn code(event: &HealthEvent) -> Option<&str> {
    let happened = event.occurrence.as_ref().map(|occurrence| occurrence.event.code.as_str());
    happened.or_else(|| event.reason.as_ref().map(|reason| reason.code.as_str()))
}

fn subject(kind: i64, id: &str) -> sqlx::Result<Subject> {
    let known = u32::try_from(kind).ok().and_then(EntityKind::from_code);
    let kind = known.ok_or_else(|| damaged(format!("there is no kind of entity with the number {kind}")))?;
    Subject::new(kind, id).map_err(damaged)
}

fn health_word(word: Option<&str>) -> sqlx::Result<Option<Health>> {
    let find = |word| {
        let known = Health::ALL.into_iter().find(|health| health.as_str() == word);
        known.ok_or_else(|| damaged(format!("{word:?} is no health")))
    };
    word.map(find).transpose()
}

async fn states(inner: &Inner) -> sqlx::Result<Vec<StateRecord>> {
    let rows: Vec<(i64, String, Option<String>, String)> =
        sqlx::query_as("SELECT kind, subject, site, state FROM entity_state ORDER BY kind, subject")
            .fetch_all(&inner.readers)
            .await?;
    let record = |(kind, id, site, state): &(i64, String, Option<String>, String)| {
        Ok(StateRecord {
            subject: subject(*kind, id)?,
            site: parsed_option(site.as_deref())?,
            state: read(state)?,
        })
    };
    let readable = rows.iter().filter_map(|row| match record(row) {
        Ok(record) => Some(record),
        Err(error) => {
            let error: sqlx::Error = error;
            tracing::error!(file = %inner.file.display(), kind = row.0, subject = %row.1, %error, "a judgement cannot be read and is made anew");
            None
        }
    });
    Ok(readable.collect())
}

/// The number, the time, the kind and identifier of the subject, and the site, then what was, what is, why, and what
/// happened.
type EventRow =
    (i64, i64, i64, String, Option<String>, Option<String>, Option<String>, Option<String>, Option<String>);

async fn events(inner: &Inner, after: u64, limit: u32) -> sqlx::Result<Vec<StoredEvent>> {
    let rows: Vec<EventRow> = sqlx::query_as(
        "SELECT id, at_ms, kind, subject, site, was, health, reason, occurrence FROM health_event \
         WHERE id > $1 ORDER BY id LIMIT $2",
    )
    .bind(whole(after))
    .bind(limit)
    .fetch_all(&inner.readers)
    .await?;
    rows.into_iter().map(stored_event).collect()
}

fn stored_event(row: EventRow) -> sqlx::Result<StoredEvent> {
    let (id, at, kind, id_in_kind, site, was, health, reason, occurrence) = row;
    let reason: Option<Reason> = reason.as_deref().map(read).transpose()?;
    Ok(StoredEvent {
        id: count(id),
        event: HealthEvent {
            at: Timestamp(at),
            subject: subject(kind, &id_in_kind)?,
            site: parsed_option(site.as_deref())?,
            was: health_word(was.as_deref())?,
            health: health_word(health.as_deref())?,
            reason,
            occurrence: occurrence.as_deref().map(read).transpose()?,
        },
    })
}

async fn find_events(inner: &Inner, filter: &EventFilter) -> sqlx::Result<Vec<StoredEvent>> {
    let mut query = event_query(filter);
    let rows: Vec<EventRow> = query.build_query_as().persistent(false).fetch_all(&inner.readers).await?;
    let readable = rows.into_iter().filter_map(|row| {
        let id = row.0;
        match stored_event(row) {
            Ok(event) => Some(event),
            Err(error) => {
                tracing::error!(file = %inner.file.display(), event = id, %error, "an event cannot be read and is left out");
                None
            }
        }
    });
    Ok(readable.collect())
}

fn event_query(filter: &EventFilter) -> QueryBuilder<Sqlite> {
    let mut query: QueryBuilder<Sqlite> = QueryBuilder::new(
        "SELECT id, at_ms, kind, subject, site, was, health, reason, occurrence FROM health_event WHERE id > ",
    );
    query.push_bind(filter.after.map_or(0, whole));
    query.push(" AND id < ").push_bind(filter.before.map_or(i64::MAX, whole));
    if !filter.subjects.is_empty() || !filter.under.is_empty() {
        about(&mut query, filter);
    }
    if let Some(site) = &filter.site {
        query.push(" AND site = ").push_bind(site.as_str().to_owned());
    }
    if let Some(code) = &filter.code {
        query.push(" AND code = ").push_bind(code.clone());
    }
    match filter.occurrences {
        Some(true) => _ = query.push(" AND occurrence IS NOT NULL"),
        Some(false) => _ = query.push(" AND occurrence IS NULL"),
        None => {}
    }
    query.push(if filter.after.is_some() { " ORDER BY id LIMIT " } else { " ORDER BY id DESC LIMIT " });
    query.push_bind(filter.limit);
    query
}

/// Restricts a query to the entities of a filter: each is looked up in the index by itself.
fn about(query: &mut QueryBuilder<Sqlite>, filter: &EventFilter) {
    const IDS: &str = "SELECT id FROM health_event WHERE ";
    query.push(" AND id IN (");
    if !filter.subjects.is_empty() {
        query.push(IDS).push("(kind, subject) IN (");
        query.push_values(&filter.subjects, |mut row, subject| {
            row.push_bind(kind_code(subject)).push_bind(subject.id.clone());
        });
        query.push(")");
    }
    for (place, above) in filter.under.iter().enumerate() {
        query.push(if place > 0 || !filter.subjects.is_empty() { " UNION ALL " } else { "" });
        query.push(IDS).push("kind = ").push_bind(kind_code(above));
        // What sorts between `above/` and `above0` begins with `above/`: `0` comes right after the slash.
        query.push(" AND subject > ").push_bind(format!("{}/", above.id));
        query.push(" AND subject < ").push_bind(format!("{}0", above.id));
    }
    query.push(")");
}

async fn incidents(inner: &Inner, filter: &IncidentFilter) -> sqlx::Result<Vec<Incident>> {
    let mut query = incident_query(filter);
    let rows: Vec<(i64, String)> = query.build_query_as().fetch_all(&inner.readers).await?;
    let readable = rows.into_iter().filter_map(|(incident, body)| match read(&body) {
        Ok(incident) => Some(incident),
        Err(error) => {
            let error: sqlx::Error = error;
            tracing::error!(file = %inner.file.display(), incident, %error, "an incident cannot be read and is left out");
            None
        }
    });
    Ok(readable.collect())
}

fn incident_query(filter: &IncidentFilter) -> QueryBuilder<Sqlite> {
    let mut query: QueryBuilder<Sqlite> = QueryBuilder::new("SELECT id, body FROM incident WHERE id < ");
    query.push_bind(filter.before_id.map_or(i64::MAX, whole));
    match filter.open {
        Some(true) => _ = query.push(" AND ended_ms IS NULL"),
        Some(false) => _ = query.push(" AND ended_ms IS NOT NULL"),
        None => {}
    }
    if let Some(from) = filter.from {
        query.push(" AND (ended_ms IS NULL OR ended_ms >= ").push_bind(from.0).push(")");
    }
    if let Some(to) = filter.to {
        query.push(" AND opened_ms <= ").push_bind(to.0);
    }
    if let Some(subject) = &filter.subject {
        query.push(" AND id IN (SELECT incident FROM incident_subject WHERE kind = ");
        query.push_bind(kind_code(subject)).push(" AND subject = ");
        query.push_bind(subject.id.clone()).push(")");
    }
    if !filter.sites.is_empty() {
        query.push(" AND id IN (SELECT incident FROM incident_subject WHERE site IN (");
        let mut list = query.separated(", ");
        for site in &filter.sites {
            list.push_bind(site.as_str().to_owned());
        }
        query.push("))");
    }
    query.push(" ORDER BY id DESC LIMIT ").push_bind(filter.limit);
    query
}

async fn add_maintenance(inner: &Inner, maintenance: &Maintenance) -> sqlx::Result<u64> {
    let mut writer = inner.writer.lock().await;
    let mut tx = writer.transaction().await?;
    let id: i64 = sqlx::query_scalar(
        "INSERT INTO maintenance (from_ms, until_ms, body) VALUES (0, 0, '') RETURNING id",
    )
    .fetch_one(&mut *tx)
    .await?;
    // The body names its own number, which is known only now.
    update_maintenance(&mut tx, &Maintenance { id: count(id), ..maintenance.clone() }).await?;
    tx.commit().await?;
    Ok(count(id))
}

async fn update_maintenance(
    connection: &mut SqliteConnection,
    maintenance: &Maintenance,
) -> sqlx::Result<bool> {
    let updated = sqlx::query("UPDATE maintenance SET from_ms = $2, until_ms = $3, body = $4 WHERE id = $1")
        .bind(whole(maintenance.id))
        .bind(maintenance.from.0)
        .bind(maintenance.until.0)
        .bind(text(maintenance)?)
        .execute(connection)
        .await?;
    Ok(updated.rows_affected() > 0)
}

async fn retain(inner: &Inner, now: Timestamp, retention: &HealthRetention) -> sqlx::Result<HealthRetained> {
    let before = now.minus(retention.ended).0;
    let mut writer = inner.writer.lock().await;
    let mut tx = writer.transaction().await?;
    let incidents = sqlx::query("DELETE FROM incident WHERE ended_ms IS NOT NULL AND ended_ms < $1")
        .bind(before)
        .execute(&mut *tx)
        .await?;
    let maintenances =
        sqlx::query("DELETE FROM maintenance WHERE until_ms < $1").bind(before).execute(&mut *tx).await?;
    let events = sqlx::query(
        "DELETE FROM health_event WHERE id <= \
         (SELECT seq FROM sqlite_sequence WHERE name = 'health_event') - $1",
    )
    .bind(whole(retention.events))
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(HealthRetained {
        incidents: incidents.rows_affected(),
        maintenances: maintenances.rows_affected(),
        events: events.rows_affected(),
    })
}
