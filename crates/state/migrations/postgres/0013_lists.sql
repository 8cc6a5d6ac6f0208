-- What lists are read by: a run's kind as a column, and an index for each filter, so that a page
-- costs the same behind any history.

ALTER TABLE runs ADD COLUMN kind text NOT NULL DEFAULT 'incremental';
-- In a text of JSON, a quotation mark inside of a value has a backslash. The triggers compute the
-- sums, which cover the new column.
UPDATE runs SET kind = coalesce(substring(spec FROM '"options":\{"kind":\{?"([a-z]+)"'), 'incremental');

-- Lists of runs: by state and kind, of all syncs and of one. The time is there for its filter.
CREATE INDEX runs_by_state ON runs (state, kind, id, started_at);
CREATE INDEX runs_of_sync_by_state ON runs (sync, state, kind, id, started_at);
-- Times of all runs, and what they read in a month.
DROP INDEX runs_by_start;
CREATE INDEX runs_by_start ON runs (started_at, id, sync, state, rows_read);
-- The newest run of a sync that fits, behind any number that do not.
CREATE INDEX taken_runs ON runs (sync, id) WHERE state <> 'skipped';
CREATE INDEX extracted_runs ON runs (sync, id) WHERE extracted_at IS NOT NULL;
CREATE INDEX runs_with_rows ON runs (sync, id) WHERE rows_read > 0;
CREATE INDEX delivered_runs ON runs (sync, id)
    WHERE state IN ('delivering', 'succeeded', 'succeeded_with_rejected', 'partial');
CREATE INDEX slots ON runs (sync, started_at, state) WHERE trigger = 'schedule';
