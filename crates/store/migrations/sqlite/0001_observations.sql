-- What the store knows about itself.
CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value BIGINT NOT NULL
);

-- One row per agent and epoch: which batches came, which were given up.
CREATE TABLE stream (
    id         INTEGER PRIMARY KEY,
    agent      TEXT   NOT NULL,
    epoch      BIGINT NOT NULL,
    received   BLOB   NOT NULL,
    stored     BIGINT NOT NULL,
    duplicates BIGINT NOT NULL,
    UNIQUE (agent, epoch)
);

CREATE TABLE stream_dropped (
    stream  BIGINT NOT NULL REFERENCES stream (id),
    policy  TEXT   NOT NULL,
    batches BIGINT NOT NULL,
    PRIMARY KEY (stream, policy)
);

-- The hot table. It has no index besides its key: an index by stream would touch one page per agent
-- in every commit. AUTOINCREMENT, so that the number of a batch is never given again.
CREATE TABLE batch (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    stream      BIGINT NOT NULL REFERENCES stream (id),
    seq         BIGINT NOT NULL,
    received_ms BIGINT NOT NULL,
    first_ms    BIGINT NOT NULL,
    last_ms     BIGINT NOT NULL,
    body        BLOB   NOT NULL
);

CREATE TABLE series (
    id      INTEGER PRIMARY KEY,
    agent   TEXT   NOT NULL,
    kind    BIGINT NOT NULL,
    subject TEXT   NOT NULL,
    field   TEXT   NOT NULL,
    UNIQUE (agent, kind, subject, field)
);

-- Tiers: 0 raw points, 1 cells of five minutes, 2 cells of an hour. A raw block that is not sealed is
-- in no roll-up yet.
CREATE TABLE block (
    id       INTEGER PRIMARY KEY,
    series   BIGINT  NOT NULL REFERENCES series (id),
    tier     BIGINT  NOT NULL,
    start_ms BIGINT  NOT NULL,
    end_ms   BIGINT  NOT NULL,
    count    BIGINT  NOT NULL,
    sealed   BOOLEAN NOT NULL,
    codec    BIGINT  NOT NULL,
    crc      BIGINT  NOT NULL,
    body     BLOB    NOT NULL
);
CREATE INDEX block_by_series ON block (series, tier, start_ms);
CREATE INDEX block_by_time ON block (tier, start_ms);
CREATE INDEX block_unsealed ON block (start_ms, series) WHERE NOT sealed;

-- Before this time, a tier's blocks are gone or going.
CREATE TABLE floor (
    tier     BIGINT PRIMARY KEY,
    floor_ms BIGINT NOT NULL
);

CREATE TABLE snapshot (
    name  TEXT PRIMARY KEY,
    at_ms BIGINT NOT NULL,
    body  BLOB   NOT NULL
);
