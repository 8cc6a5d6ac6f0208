-- Where a sync's next run begins is stored by the run before it, with the lookback and open
-- transactions allowed for; what a counter had reached after earlier runs. Rows that were rejected
-- by the run before, too, are counted apart.

ALTER TABLE syncs ADD COLUMN watermark_next_us INTEGER;
ALTER TABLE syncs ADD COLUMN watermark_open_us INTEGER;
ALTER TABLE syncs ADD COLUMN cursor_next TEXT;
ALTER TABLE syncs ADD COLUMN cursor_history TEXT;

DROP TRIGGER syncs_sum_insert;
DROP TRIGGER syncs_sum_update;
UPDATE syncs SET sum = row_sum(
    name, watermark_us, watermark_clock_of, watermark_local_us, watermark_first_us,
    cursor_value, cursor_column, baseline_run, baseline_fingerprint, watermark_boot,
    watermark_uptime_us, watermark_begin_us, watermark_begin_for_us, watermark_next_us,
    watermark_open_us, cursor_next, cursor_history
);
CREATE TRIGGER syncs_sum_insert AFTER INSERT ON syncs BEGIN
    UPDATE syncs SET sum = row_sum(
        NEW.name, NEW.watermark_us, NEW.watermark_clock_of, NEW.watermark_local_us,
        NEW.watermark_first_us, NEW.cursor_value, NEW.cursor_column, NEW.baseline_run,
        NEW.baseline_fingerprint, NEW.watermark_boot, NEW.watermark_uptime_us,
        NEW.watermark_begin_us, NEW.watermark_begin_for_us, NEW.watermark_next_us,
        NEW.watermark_open_us, NEW.cursor_next, NEW.cursor_history
    ) WHERE name = NEW.name;
END;
CREATE TRIGGER syncs_sum_update AFTER UPDATE OF
    name, watermark_us, watermark_clock_of, watermark_local_us, watermark_first_us,
    cursor_value, cursor_column, baseline_run, baseline_fingerprint, watermark_boot,
    watermark_uptime_us, watermark_begin_us, watermark_begin_for_us, watermark_next_us,
    watermark_open_us, cursor_next, cursor_history
ON syncs BEGIN
    UPDATE syncs SET sum = row_sum(
        NEW.name, NEW.watermark_us, NEW.watermark_clock_of, NEW.watermark_local_us,
        NEW.watermark_first_us, NEW.cursor_value, NEW.cursor_column, NEW.baseline_run,
        NEW.baseline_fingerprint, NEW.watermark_boot, NEW.watermark_uptime_us,
        NEW.watermark_begin_us, NEW.watermark_begin_for_us, NEW.watermark_next_us,
        NEW.watermark_open_us, NEW.cursor_next, NEW.cursor_history
    ) WHERE name = NEW.name;
END;

ALTER TABLE runs ADD COLUMN rejected_again INTEGER NOT NULL DEFAULT 0;
DROP TRIGGER runs_sum_insert;
DROP TRIGGER runs_sum_update;
UPDATE runs SET sum = row_sum(
    id, key, sync, call_type, state, trigger, spec, due_at, started_at, extracted_at, ended_at,
    last_sync_time, next_last_sync_time, clock, rows_read, calls, rejected, unchanged,
    spool_bytes, columns, reason_code, reason, skipped_by, replays, compared_with,
    rejected_again
);
CREATE TRIGGER runs_sum_insert AFTER INSERT ON runs BEGIN
    UPDATE runs SET sum = row_sum(
        NEW.id, NEW.key, NEW.sync, NEW.call_type, NEW.state, NEW.trigger, NEW.spec, NEW.due_at,
        NEW.started_at, NEW.extracted_at, NEW.ended_at, NEW.last_sync_time,
        NEW.next_last_sync_time, NEW.clock, NEW.rows_read, NEW.calls, NEW.rejected,
        NEW.unchanged, NEW.spool_bytes, NEW.columns, NEW.reason_code, NEW.reason,
        NEW.skipped_by, NEW.replays, NEW.compared_with, NEW.rejected_again
    ) WHERE id = NEW.id;
END;
CREATE TRIGGER runs_sum_update AFTER UPDATE OF
    id, key, sync, call_type, state, trigger, spec, due_at, started_at, extracted_at, ended_at,
    last_sync_time, next_last_sync_time, clock, rows_read, calls, rejected, unchanged,
    spool_bytes, columns, reason_code, reason, skipped_by, replays, compared_with,
    rejected_again
ON runs BEGIN
    UPDATE runs SET sum = row_sum(
        NEW.id, NEW.key, NEW.sync, NEW.call_type, NEW.state, NEW.trigger, NEW.spec, NEW.due_at,
        NEW.started_at, NEW.extracted_at, NEW.ended_at, NEW.last_sync_time,
        NEW.next_last_sync_time, NEW.clock, NEW.rows_read, NEW.calls, NEW.rejected,
        NEW.unchanged, NEW.spool_bytes, NEW.columns, NEW.reason_code, NEW.reason,
        NEW.skipped_by, NEW.replays, NEW.compared_with, NEW.rejected_again
    ) WHERE id = NEW.id;
END;
