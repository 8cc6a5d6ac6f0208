-- Times are microseconds of Unix time in UTC. Names are those of outflow_core. Unsigned 64-bit
-- numbers are kept by their bits.

CREATE TABLE installation (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    id BLOB NOT NULL,
    holder INTEGER NOT NULL
) STRICT;

CREATE TABLE runs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    key BLOB NOT NULL,
    sync TEXT NOT NULL,
    call_type TEXT NOT NULL,
    state TEXT NOT NULL,
    trigger TEXT NOT NULL,
    spec TEXT NOT NULL,
    due_at INTEGER NOT NULL,
    started_at INTEGER NOT NULL,
    extracted_at INTEGER,
    ended_at INTEGER,
    last_sync_time TEXT,
    next_last_sync_time TEXT,
    clock INTEGER,
    rows_read INTEGER NOT NULL DEFAULT 0,
    calls INTEGER NOT NULL DEFAULT 0,
    rejected INTEGER NOT NULL DEFAULT 0,
    unchanged INTEGER NOT NULL DEFAULT 0,
    spool_bytes INTEGER NOT NULL DEFAULT 0,
    columns TEXT,
    reason_code TEXT,
    reason TEXT,
    skipped_by INTEGER REFERENCES runs,
    replays INTEGER REFERENCES runs,
    CONSTRAINT rows_add_up CHECK (rows_read = calls + rejected + unchanged)
) STRICT;
CREATE INDEX runs_by_sync ON runs (sync, id);
CREATE INDEX runs_by_start ON runs (started_at);
CREATE INDEX unfinished_runs ON runs (sync, id) WHERE ended_at IS NULL;
CREATE INDEX skips ON runs (skipped_by) WHERE skipped_by IS NOT NULL;
CREATE INDEX replays ON runs (replays) WHERE replays IS NOT NULL;

CREATE TABLE syncs (
    name TEXT PRIMARY KEY,
    watermark_us INTEGER,
    watermark_clock_of TEXT,
    watermark_local_us INTEGER,
    watermark_first_us INTEGER,
    cursor_value TEXT,
    cursor_column TEXT,
    baseline_run INTEGER REFERENCES runs,
    baseline_fingerprint TEXT
) STRICT;

CREATE TABLE schedules (
    sync TEXT PRIMARY KEY,
    fired INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE approvals (
    run INTEGER PRIMARY KEY REFERENCES runs,
    next_last_sync_time TEXT,
    watermark_update TEXT
) STRICT;

CREATE TABLE segments (
    run INTEGER NOT NULL REFERENCES runs,
    kind TEXT NOT NULL,
    number INTEGER NOT NULL,
    first INTEGER NOT NULL,
    entries INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    locator TEXT NOT NULL,
    PRIMARY KEY (run, kind, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE findings (
    run INTEGER NOT NULL REFERENCES runs,
    place INTEGER NOT NULL,
    code TEXT NOT NULL,
    column_name TEXT,
    rows INTEGER NOT NULL,
    samples TEXT NOT NULL,
    PRIMARY KEY (run, place)
) STRICT, WITHOUT ROWID;

CREATE TABLE deliveries (
    run INTEGER NOT NULL REFERENCES runs,
    destination TEXT NOT NULL,
    place INTEGER NOT NULL,
    state TEXT NOT NULL,
    calls INTEGER NOT NULL,
    delivered INTEGER NOT NULL,
    dead_letters INTEGER NOT NULL,
    filtered INTEGER NOT NULL,
    cancelled INTEGER NOT NULL,
    discarded INTEGER NOT NULL,
    pending INTEGER NOT NULL,
    requests INTEGER NOT NULL,
    retries INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    settled TEXT NOT NULL,
    reason_code TEXT,
    reason TEXT,
    sequence INTEGER NOT NULL,
    PRIMARY KEY (run, destination),
    CONSTRAINT calls_add_up
        CHECK (calls = delivered + dead_letters + filtered + cancelled + discarded + pending)
) STRICT, WITHOUT ROWID;

CREATE TABLE dead_letters (
    run INTEGER NOT NULL,
    destination TEXT NOT NULL,
    position INTEGER NOT NULL,
    ordinal INTEGER NOT NULL,
    message_id TEXT NOT NULL,
    code TEXT NOT NULL,
    status INTEGER,
    reason TEXT NOT NULL,
    at INTEGER NOT NULL,
    replayed_by INTEGER REFERENCES runs,
    PRIMARY KEY (run, destination, position),
    FOREIGN KEY (run, destination) REFERENCES deliveries
) STRICT, WITHOUT ROWID;
CREATE INDEX replayed ON dead_letters (replayed_by) WHERE replayed_by IS NOT NULL;

CREATE TABLE usage (
    day TEXT NOT NULL,
    sync TEXT NOT NULL,
    destination TEXT NOT NULL,
    call_type TEXT NOT NULL,
    delivered INTEGER NOT NULL,
    dead_letters INTEGER NOT NULL,
    PRIMARY KEY (day, sync, destination, call_type)
) STRICT, WITHOUT ROWID;

CREATE TABLE alerts (
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    code TEXT,
    message TEXT NOT NULL,
    since INTEGER NOT NULL,
    recovered_at INTEGER,
    reported INTEGER NOT NULL,
    PRIMARY KEY (kind, subject)
) STRICT, WITHOUT ROWID;

CREATE TABLE audits (
    run INTEGER PRIMARY KEY REFERENCES runs,
    at INTEGER NOT NULL,
    differences TEXT NOT NULL
) STRICT;
