-- What lists are read by: a run's kind as a column, and an index for each filter, so that a page
-- costs the same behind any history.

ALTER TABLE runs ADD COLUMN kind TEXT NOT NULL DEFAULT 'incremental';
DROP TRIGGER runs_sum_insert;
DROP TRIGGER runs_sum_update;
UPDATE runs SET kind = CASE
    WHEN json_type(spec, '$.options.kind.since') IS NOT NULL THEN 'since'
    WHEN json_type(spec, '$.options.kind.backfill') IS NOT NULL THEN 'backfill'
    WHEN json_type(spec, '$.options.kind.replay') IS NOT NULL THEN 'replay'
    ELSE coalesce(json_extract(spec, '$.options.kind'), 'incremental')
END;
UPDATE runs SET sum = row_sum(
    id, key, sync, call_type, state, trigger, spec, due_at, started_at, extracted_at, ended_at,
    last_sync_time, next_last_sync_time, clock, rows_read, calls, rejected, unchanged,
    spool_bytes, columns, reason_code, reason, skipped_by, replays, compared_with,
    rejected_again, kind
);
CREATE TRIGGER runs_sum_insert AFTER INSERT ON runs BEGIN
    UPDATE runs SET sum = row_sum(
        NEW.id, NEW.key, NEW.sync, NEW.call_type, NEW.state, NEW.trigger, NEW.spec, NEW.due_at,
        NEW.started_at, NEW.extracted_at, NEW.ended_at, NEW.last_sync_time,
        NEW.next_last_sync_time, NEW.clock, NEW.rows_read, NEW.calls, NEW.rejected,
        NEW.unchanged, NEW.spool_bytes, NEW.columns, NEW.reason_code, NEW.reason,
        NEW.skipped_by, NEW.replays, NEW.compared_with, NEW.rejected_again, NEW.kind
    ) WHERE id = NEW.id;
END;
CREATE TRIGGER runs_sum_update AFTER UPDATE OF
    id, key, sync, call_type, state, trigger, spec, due_at, started_at, extracted_at, ended_at,
    last_sync_time, next_last_sync_time, clock, rows_read, calls, rejected, unchanged,
    spool_bytes, columns, reason_code, reason, skipped_by, replays, compared_with,
    rejected_again, kind
ON runs BEGIN
    UPDATE runs SET sum = row_sum(
        NEW.id, NEW.key, NEW.sync, NEW.call_type, NEW.state, NEW.trigger, NEW.spec, NEW.due_at,
        NEW.started_at, NEW.extracted_at, NEW.ended_at, NEW.last_sync_time,
        NEW.next_last_sync_time, NEW.clock, NEW.rows_read, NEW.calls, NEW.rejected,
        NEW.unchanged, NEW.spool_bytes, NEW.columns, NEW.reason_code, NEW.reason,
        NEW.skipped_by, NEW.replays, NEW.compared_with, NEW.rejected_again, NEW.kind
    ) WHERE id = NEW.id;
END;

-- Lists of runs: by state and kind, of all syncs and of one. The time is there for its filter.
CREATE INDEX runs_by_state ON runs (state, kind, id, started_at);
CREATE INDEX runs_of_sync_by_state ON runs (sync, state, kind, id, started_at);
-- Times of all runs, and what they read in a month.
DROP INDEX runs_by_start;
CREATE INDEX runs_by_start ON runs (started_at, sync, state, rows_read);
-- The newest run of a sync that fits, behind any number that do not.
CREATE INDEX taken_runs ON runs (sync, id) WHERE state <> 'skipped';
CREATE INDEX extracted_runs ON runs (sync, id) WHERE extracted_at IS NOT NULL;
CREATE INDEX runs_with_rows ON runs (sync, id) WHERE rows_read > 0;
CREATE INDEX delivered_runs ON runs (sync, id)
    WHERE state IN ('delivering', 'succeeded', 'succeeded_with_rejected', 'partial');
CREATE INDEX slots ON runs (sync, started_at, state) WHERE trigger = 'schedule';
