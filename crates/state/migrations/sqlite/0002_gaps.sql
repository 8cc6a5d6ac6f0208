-- Calls that a destination has not got, and what a run was compared with. Numbers of runs here
-- outlive the runs.

CREATE TABLE gaps (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    sync TEXT NOT NULL,
    destination TEXT NOT NULL,
    start TEXT,
    first INTEGER NOT NULL,
    compared_with INTEGER,
    opened_by INTEGER NOT NULL,
    cause TEXT NOT NULL,
    calls INTEGER NOT NULL,
    opened_at INTEGER NOT NULL,
    filled_by INTEGER,
    closed_at INTEGER
) STRICT;
CREATE INDEX open_gaps ON gaps (id) WHERE closed_at IS NULL;
CREATE INDEX gaps_by_opener ON gaps (opened_by);
CREATE INDEX gaps_by_filler ON gaps (filled_by) WHERE filled_by IS NOT NULL;

ALTER TABLE runs ADD COLUMN compared_with INTEGER;
