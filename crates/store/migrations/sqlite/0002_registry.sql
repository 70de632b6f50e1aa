CREATE TABLE enrol_token (
    hash       BLOB PRIMARY KEY,
    site       TEXT   NOT NULL,
    role       TEXT   NOT NULL,
    agent_name TEXT,
    created_ms BIGINT NOT NULL,
    expires_ms BIGINT NOT NULL,
    created_by TEXT   NOT NULL,
    used_ms    BIGINT,
    used_by    TEXT
);

CREATE TABLE agent (
    id              TEXT PRIMARY KEY,
    site            TEXT   NOT NULL,
    role            TEXT   NOT NULL,
    serial          TEXT   NOT NULL,
    previous_serial TEXT,
    not_after_ms    BIGINT NOT NULL,
    enrolled_ms     BIGINT NOT NULL,
    last_seen_ms    BIGINT,
    version         TEXT   NOT NULL,
    os              TEXT   NOT NULL,
    kernel          TEXT   NOT NULL,
    arch            TEXT   NOT NULL,
    revoked_ms      BIGINT,
    revoked_reason  TEXT
);

CREATE TABLE revoked_serial (
    serial     TEXT PRIMARY KEY,
    agent      TEXT   NOT NULL,
    revoked_ms BIGINT NOT NULL,
    reason     TEXT   NOT NULL
);

CREATE TABLE account (
    id              INTEGER PRIMARY KEY,
    name            TEXT   NOT NULL UNIQUE,
    password_hash   TEXT   NOT NULL,
    role            TEXT   NOT NULL,
    sites           TEXT   NOT NULL,
    created_ms      BIGINT NOT NULL,
    disabled_ms     BIGINT,
    failed_logins   BIGINT NOT NULL,
    locked_until_ms BIGINT
);

CREATE TABLE web_session (
    token_hash BLOB PRIMARY KEY,
    account    BIGINT NOT NULL REFERENCES account (id),
    csrf       TEXT   NOT NULL,
    created_ms BIGINT NOT NULL,
    seen_ms    BIGINT NOT NULL,
    expires_ms BIGINT NOT NULL
);
CREATE INDEX web_session_by_account ON web_session (account);

CREATE TABLE api_token (
    hash         BLOB PRIMARY KEY,
    name         TEXT   NOT NULL,
    account      BIGINT NOT NULL REFERENCES account (id),
    role         TEXT   NOT NULL,
    created_ms   BIGINT NOT NULL,
    expires_ms   BIGINT,
    last_used_ms BIGINT
);

CREATE TABLE audit (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    at_ms   BIGINT NOT NULL,
    actor   TEXT   NOT NULL,
    action  TEXT   NOT NULL,
    object  TEXT   NOT NULL,
    outcome TEXT   NOT NULL,
    detail  TEXT   NOT NULL
);
CREATE TRIGGER audit_is_not_rewritten BEFORE UPDATE ON audit
BEGIN
    SELECT RAISE (ABORT, 'the audit log is append-only');
END;
CREATE TRIGGER audit_is_not_erased BEFORE DELETE ON audit
BEGIN
    SELECT RAISE (ABORT, 'the audit log is append-only');
END;
