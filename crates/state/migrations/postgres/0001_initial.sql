-- Times are microseconds of Unix time in UTC. Words are those of outflow_core. Unsigned 64-bit
-- numbers are kept by their bits. Texts are escaped as src/postgres/text.rs says, and ordered by
-- their bytes. JSON is kept as text: jsonb would change it.

CREATE TABLE installation (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    id bytea NOT NULL CHECK (octet_length(id) = 16),
    last_run bigint NOT NULL
);

-- Every write changes its row: a low fill factor keeps the new versions in the same page.
CREATE TABLE claims (
    key text COLLATE "C" PRIMARY KEY,
    token bytea NOT NULL,
    holder text NOT NULL,
    claimed_at bigint NOT NULL,
    last_write bytea
) WITH (fillfactor = 10);

CREATE TABLE runs (
    id bigint PRIMARY KEY,
    key bytea NOT NULL CHECK (octet_length(key) = 16),
    sync text COLLATE "C" NOT NULL,
    call_type text NOT NULL,
    state text NOT NULL,
    trigger text NOT NULL,
    spec text NOT NULL,
    due_at bigint NOT NULL,
    started_at bigint NOT NULL,
    extracted_at bigint,
    ended_at bigint,
    last_sync_time text,
    next_last_sync_time text,
    clock bigint,
    rows_read bigint NOT NULL DEFAULT 0,
    calls bigint NOT NULL DEFAULT 0,
    rejected bigint NOT NULL DEFAULT 0,
    unchanged bigint NOT NULL DEFAULT 0,
    spool_bytes bigint NOT NULL DEFAULT 0,
    columns text,
    reason_code text,
    reason text,
    skipped_by bigint REFERENCES runs,
    replays bigint REFERENCES runs,
    CONSTRAINT rows_add_up CHECK (
        (rows_read::numeric - calls - rejected - unchanged) % 18446744073709551616 = 0
    )
);
CREATE INDEX runs_by_sync ON runs (sync, id);
CREATE INDEX unfinished_runs ON runs (sync, id) WHERE ended_at IS NULL;
CREATE INDEX runs_by_start ON runs (started_at);
CREATE INDEX skips ON runs (skipped_by) WHERE skipped_by IS NOT NULL;
CREATE INDEX replays ON runs (replays) WHERE replays IS NOT NULL;

CREATE TABLE syncs (
    name text COLLATE "C" PRIMARY KEY,
    watermark_us bigint,
    watermark_clock_of text,
    watermark_local_us bigint,
    watermark_first_us bigint,
    cursor_value text,
    cursor_column text,
    baseline_run bigint REFERENCES runs,
    baseline_fingerprint text
);

CREATE TABLE approvals (
    run bigint PRIMARY KEY REFERENCES runs,
    next_last_sync_time text,
    watermark_update text
);

CREATE TABLE segments (
    run bigint NOT NULL REFERENCES runs,
    kind text COLLATE "C" NOT NULL,
    number bigint NOT NULL,
    first bigint NOT NULL,
    entries bigint NOT NULL,
    bytes bigint NOT NULL,
    locator text COLLATE "C" NOT NULL,
    PRIMARY KEY (run, kind, number)
);

CREATE TABLE findings (
    run bigint NOT NULL REFERENCES runs,
    place bigint NOT NULL,
    code text NOT NULL,
    column_name text,
    rows bigint NOT NULL,
    samples text NOT NULL,
    PRIMARY KEY (run, place)
);

CREATE TABLE deliveries (
    run bigint NOT NULL REFERENCES runs,
    destination text COLLATE "C" NOT NULL,
    place bigint NOT NULL,
    state text NOT NULL,
    calls bigint NOT NULL,
    delivered bigint NOT NULL,
    dead_letters bigint NOT NULL,
    filtered bigint NOT NULL,
    cancelled bigint NOT NULL,
    discarded bigint NOT NULL,
    pending bigint NOT NULL,
    requests bigint NOT NULL,
    retries bigint NOT NULL,
    bytes bigint NOT NULL,
    settled text NOT NULL,
    reason_code text,
    reason text,
    sequence bigint NOT NULL,
    PRIMARY KEY (run, destination),
    CONSTRAINT calls_add_up CHECK (
        (calls::numeric - delivered - dead_letters - filtered - cancelled - discarded - pending)
            % 18446744073709551616 = 0
    )
) WITH (fillfactor = 50);

CREATE TABLE dead_letters (
    run bigint NOT NULL,
    destination text COLLATE "C" NOT NULL,
    position bigint NOT NULL,
    ordinal bigint NOT NULL,
    message_id text NOT NULL,
    code text NOT NULL,
    status integer,
    reason text NOT NULL,
    at bigint NOT NULL,
    replayed_by bigint REFERENCES runs,
    PRIMARY KEY (run, destination, position),
    FOREIGN KEY (run, destination) REFERENCES deliveries
);
CREATE INDEX replayed ON dead_letters (replayed_by) WHERE replayed_by IS NOT NULL;

CREATE TABLE usage (
    day text COLLATE "C" NOT NULL,
    sync text COLLATE "C" NOT NULL,
    destination text COLLATE "C" NOT NULL,
    call_type text COLLATE "C" NOT NULL,
    delivered bigint NOT NULL,
    dead_letters bigint NOT NULL,
    PRIMARY KEY (day, sync, destination, call_type)
);

CREATE TABLE schedules (
    sync text COLLATE "C" PRIMARY KEY,
    fired bigint NOT NULL
);

CREATE TABLE alerts (
    kind text COLLATE "C" NOT NULL,
    subject text COLLATE "C" NOT NULL,
    code text,
    message text NOT NULL,
    since bigint NOT NULL,
    recovered_at bigint,
    reported boolean NOT NULL,
    PRIMARY KEY (kind, subject)
);

CREATE TABLE audits (
    run bigint PRIMARY KEY REFERENCES runs,
    at bigint NOT NULL,
    differences text NOT NULL
);
