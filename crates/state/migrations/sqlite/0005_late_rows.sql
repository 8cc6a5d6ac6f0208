-- Where a sync's next run begins is stored by the run before it, with the lookback and open
-- transactions allowed for; what a counter had reached after earlier runs.

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
