-- The judgement of each entity; `state` is JSON.
CREATE TABLE entity_state (
    kind     BIGINT NOT NULL,
    subject  TEXT   NOT NULL,
    site     TEXT,
    health   TEXT   NOT NULL,
    since_ms BIGINT NOT NULL,
    state    TEXT   NOT NULL,
    PRIMARY KEY (kind, subject)
);

-- Changes of health. AUTOINCREMENT, so that the number of an event is never given again.
CREATE TABLE health_event (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    at_ms   BIGINT NOT NULL,
    kind    BIGINT NOT NULL,
    subject TEXT   NOT NULL,
    site    TEXT,
    was     TEXT,
    health  TEXT,
    reason  TEXT
);

-- The columns are what incidents are looked up by; `body` is the whole of it, as JSON.
CREATE TABLE incident (
    id        BIGINT PRIMARY KEY,
    severity  TEXT   NOT NULL,
    opened_ms BIGINT NOT NULL,
    ended_ms  BIGINT,
    body      TEXT   NOT NULL
);
CREATE INDEX incident_open ON incident (id) WHERE ended_ms IS NULL;
CREATE INDEX incident_by_end ON incident (ended_ms) WHERE ended_ms IS NOT NULL;

-- Whom an incident ever concerned, and where that was then.
CREATE TABLE incident_subject (
    incident BIGINT NOT NULL REFERENCES incident (id) ON DELETE CASCADE,
    kind     BIGINT NOT NULL,
    subject  TEXT   NOT NULL,
    site     TEXT,
    PRIMARY KEY (incident, kind, subject)
);
CREATE INDEX incident_subject_by_subject ON incident_subject (kind, subject, incident);
CREATE INDEX incident_subject_by_site ON incident_subject (site, incident);

CREATE TABLE maintenance (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    from_ms  BIGINT NOT NULL,
    until_ms BIGINT NOT NULL,
    body     TEXT   NOT NULL
);
CREATE INDEX maintenance_by_end ON maintenance (until_ms);

-- A tier's floor now differs between kinds of entities. Kind 0 stands for all of them: what had gone
-- before there was a difference.
CREATE TABLE kind_floor (
    tier     BIGINT NOT NULL,
    kind     BIGINT NOT NULL,
    floor_ms BIGINT NOT NULL,
    PRIMARY KEY (tier, kind)
);
INSERT INTO kind_floor (tier, kind, floor_ms) SELECT tier, 0, floor_ms FROM floor;
DROP TABLE floor;
