-- Calls that a destination has not got, and what a run was compared with. Numbers of runs here
-- outlive the runs.

CREATE TABLE gaps (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    sync text COLLATE "C" NOT NULL,
    destination text COLLATE "C" NOT NULL,
    start text,
    first bigint NOT NULL,
    compared_with bigint,
    opened_by bigint NOT NULL,
    cause text NOT NULL,
    calls bigint NOT NULL,
    opened_at bigint NOT NULL,
    filled_by bigint,
    closed_at bigint
);
CREATE INDEX open_gaps ON gaps (id) WHERE closed_at IS NULL;
CREATE INDEX gaps_by_opener ON gaps (opened_by);
CREATE INDEX gaps_by_filler ON gaps (filled_by) WHERE filled_by IS NOT NULL;

ALTER TABLE runs ADD COLUMN compared_with bigint;
