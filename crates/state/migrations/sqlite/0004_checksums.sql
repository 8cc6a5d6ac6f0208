-- Every row has a checksum of its other columns, so that a byte that changed on disk is found when
-- the row is read. Outflow's own function row_sum computes it; triggers keep it current.

ALTER TABLE installation ADD COLUMN sum INTEGER NOT NULL DEFAULT 0;
UPDATE installation SET sum = row_sum(
    one, id, holder
);
CREATE TRIGGER installation_sum_insert AFTER INSERT ON installation BEGIN
    UPDATE installation SET sum = row_sum(
        NEW.one, NEW.id, NEW.holder
    ) WHERE one = NEW.one;
END;
CREATE TRIGGER installation_sum_update AFTER UPDATE OF
    one, id, holder
ON installation BEGIN
    UPDATE installation SET sum = row_sum(
        NEW.one, NEW.id, NEW.holder
    ) WHERE one = NEW.one;
END;

ALTER TABLE runs ADD COLUMN sum INTEGER NOT NULL DEFAULT 0;
UPDATE runs SET sum = row_sum(
    id, key, sync, call_type, state, trigger, spec, due_at, started_at, extracted_at, ended_at,
    last_sync_time, next_last_sync_time, clock, rows_read, calls, rejected, unchanged,
    spool_bytes, columns, reason_code, reason, skipped_by, replays, compared_with
);
CREATE TRIGGER runs_sum_insert AFTER INSERT ON runs BEGIN
    UPDATE runs SET sum = row_sum(
        NEW.id, NEW.key, NEW.sync, NEW.call_type, NEW.state, NEW.trigger, NEW.spec, NEW.due_at,
        NEW.started_at, NEW.extracted_at, NEW.ended_at, NEW.last_sync_time,
        NEW.next_last_sync_time, NEW.clock, NEW.rows_read, NEW.calls, NEW.rejected,
        NEW.unchanged, NEW.spool_bytes, NEW.columns, NEW.reason_code, NEW.reason,
        NEW.skipped_by, NEW.replays, NEW.compared_with
    ) WHERE id = NEW.id;
END;
CREATE TRIGGER runs_sum_update AFTER UPDATE OF
    id, key, sync, call_type, state, trigger, spec, due_at, started_at, extracted_at, ended_at,
    last_sync_time, next_last_sync_time, clock, rows_read, calls, rejected, unchanged,
    spool_bytes, columns, reason_code, reason, skipped_by, replays, compared_with
ON runs BEGIN
    UPDATE runs SET sum = row_sum(
        NEW.id, NEW.key, NEW.sync, NEW.call_type, NEW.state, NEW.trigger, NEW.spec, NEW.due_at,
        NEW.started_at, NEW.extracted_at, NEW.ended_at, NEW.last_sync_time,
        NEW.next_last_sync_time, NEW.clock, NEW.rows_read, NEW.calls, NEW.rejected,
        NEW.unchanged, NEW.spool_bytes, NEW.columns, NEW.reason_code, NEW.reason,
        NEW.skipped_by, NEW.replays, NEW.compared_with
    ) WHERE id = NEW.id;
END;

ALTER TABLE syncs ADD COLUMN sum INTEGER NOT NULL DEFAULT 0;
UPDATE syncs SET sum = row_sum(
    name, watermark_us, watermark_clock_of, watermark_local_us, watermark_first_us,
    cursor_value, cursor_column, baseline_run, baseline_fingerprint, watermark_boot,
    watermark_uptime_us, watermark_begin_us, watermark_begin_for_us
);
CREATE TRIGGER syncs_sum_insert AFTER INSERT ON syncs BEGIN
    UPDATE syncs SET sum = row_sum(
        NEW.name, NEW.watermark_us, NEW.watermark_clock_of, NEW.watermark_local_us,
        NEW.watermark_first_us, NEW.cursor_value, NEW.cursor_column, NEW.baseline_run,
        NEW.baseline_fingerprint, NEW.watermark_boot, NEW.watermark_uptime_us,
        NEW.watermark_begin_us, NEW.watermark_begin_for_us
    ) WHERE name = NEW.name;
END;
CREATE TRIGGER syncs_sum_update AFTER UPDATE OF
    name, watermark_us, watermark_clock_of, watermark_local_us, watermark_first_us,
    cursor_value, cursor_column, baseline_run, baseline_fingerprint, watermark_boot,
    watermark_uptime_us, watermark_begin_us, watermark_begin_for_us
ON syncs BEGIN
    UPDATE syncs SET sum = row_sum(
        NEW.name, NEW.watermark_us, NEW.watermark_clock_of, NEW.watermark_local_us,
        NEW.watermark_first_us, NEW.cursor_value, NEW.cursor_column, NEW.baseline_run,
        NEW.baseline_fingerprint, NEW.watermark_boot, NEW.watermark_uptime_us,
        NEW.watermark_begin_us, NEW.watermark_begin_for_us
    ) WHERE name = NEW.name;
END;

ALTER TABLE schedules ADD COLUMN sum INTEGER NOT NULL DEFAULT 0;
UPDATE schedules SET sum = row_sum(
    sync, fired
);
CREATE TRIGGER schedules_sum_insert AFTER INSERT ON schedules BEGIN
    UPDATE schedules SET sum = row_sum(
        NEW.sync, NEW.fired
    ) WHERE sync = NEW.sync;
END;
CREATE TRIGGER schedules_sum_update AFTER UPDATE OF
    sync, fired
ON schedules BEGIN
    UPDATE schedules SET sum = row_sum(
        NEW.sync, NEW.fired
    ) WHERE sync = NEW.sync;
END;

ALTER TABLE approvals ADD COLUMN sum INTEGER NOT NULL DEFAULT 0;
UPDATE approvals SET sum = row_sum(
    run, next_last_sync_time, watermark_update
);
CREATE TRIGGER approvals_sum_insert AFTER INSERT ON approvals BEGIN
    UPDATE approvals SET sum = row_sum(
        NEW.run, NEW.next_last_sync_time, NEW.watermark_update
    ) WHERE run = NEW.run;
END;
CREATE TRIGGER approvals_sum_update AFTER UPDATE OF
    run, next_last_sync_time, watermark_update
ON approvals BEGIN
    UPDATE approvals SET sum = row_sum(
        NEW.run, NEW.next_last_sync_time, NEW.watermark_update
    ) WHERE run = NEW.run;
END;

ALTER TABLE segments ADD COLUMN sum INTEGER NOT NULL DEFAULT 0;
UPDATE segments SET sum = row_sum(
    run, kind, number, first, entries, bytes, locator
);
CREATE TRIGGER segments_sum_insert AFTER INSERT ON segments BEGIN
    UPDATE segments SET sum = row_sum(
        NEW.run, NEW.kind, NEW.number, NEW.first, NEW.entries, NEW.bytes, NEW.locator
    ) WHERE run = NEW.run AND kind = NEW.kind AND number = NEW.number;
END;
CREATE TRIGGER segments_sum_update AFTER UPDATE OF
    run, kind, number, first, entries, bytes, locator
ON segments BEGIN
    UPDATE segments SET sum = row_sum(
        NEW.run, NEW.kind, NEW.number, NEW.first, NEW.entries, NEW.bytes, NEW.locator
    ) WHERE run = NEW.run AND kind = NEW.kind AND number = NEW.number;
END;

ALTER TABLE findings ADD COLUMN sum INTEGER NOT NULL DEFAULT 0;
UPDATE findings SET sum = row_sum(
    run, place, code, column_name, rows, samples
);
CREATE TRIGGER findings_sum_insert AFTER INSERT ON findings BEGIN
    UPDATE findings SET sum = row_sum(
        NEW.run, NEW.place, NEW.code, NEW.column_name, NEW.rows, NEW.samples
    ) WHERE run = NEW.run AND place = NEW.place;
END;
CREATE TRIGGER findings_sum_update AFTER UPDATE OF
    run, place, code, column_name, rows, samples
ON findings BEGIN
    UPDATE findings SET sum = row_sum(
        NEW.run, NEW.place, NEW.code, NEW.column_name, NEW.rows, NEW.samples
    ) WHERE run = NEW.run AND place = NEW.place;
END;

ALTER TABLE deliveries ADD COLUMN sum INTEGER NOT NULL DEFAULT 0;
UPDATE deliveries SET sum = row_sum(
    run, destination, place, state, calls, delivered, dead_letters, filtered, cancelled,
    discarded, pending, requests, retries, bytes, settled, reason_code, reason, sequence
);
CREATE TRIGGER deliveries_sum_insert AFTER INSERT ON deliveries BEGIN
    UPDATE deliveries SET sum = row_sum(
        NEW.run, NEW.destination, NEW.place, NEW.state, NEW.calls, NEW.delivered,
        NEW.dead_letters, NEW.filtered, NEW.cancelled, NEW.discarded, NEW.pending, NEW.requests,
        NEW.retries, NEW.bytes, NEW.settled, NEW.reason_code, NEW.reason, NEW.sequence
    ) WHERE run = NEW.run AND destination = NEW.destination;
END;
CREATE TRIGGER deliveries_sum_update AFTER UPDATE OF
    run, destination, place, state, calls, delivered, dead_letters, filtered, cancelled,
    discarded, pending, requests, retries, bytes, settled, reason_code, reason, sequence
ON deliveries BEGIN
    UPDATE deliveries SET sum = row_sum(
        NEW.run, NEW.destination, NEW.place, NEW.state, NEW.calls, NEW.delivered,
        NEW.dead_letters, NEW.filtered, NEW.cancelled, NEW.discarded, NEW.pending, NEW.requests,
        NEW.retries, NEW.bytes, NEW.settled, NEW.reason_code, NEW.reason, NEW.sequence
    ) WHERE run = NEW.run AND destination = NEW.destination;
END;

ALTER TABLE dead_letters ADD COLUMN sum INTEGER NOT NULL DEFAULT 0;
UPDATE dead_letters SET sum = row_sum(
    run, destination, position, ordinal, message_id, code, status, reason, at, replayed_by
);
CREATE TRIGGER dead_letters_sum_insert AFTER INSERT ON dead_letters BEGIN
    UPDATE dead_letters SET sum = row_sum(
        NEW.run, NEW.destination, NEW.position, NEW.ordinal, NEW.message_id, NEW.code, NEW.status,
        NEW.reason, NEW.at, NEW.replayed_by
    ) WHERE run = NEW.run AND destination = NEW.destination AND position = NEW.position;
END;
CREATE TRIGGER dead_letters_sum_update AFTER UPDATE OF
    run, destination, position, ordinal, message_id, code, status, reason, at, replayed_by
ON dead_letters BEGIN
    UPDATE dead_letters SET sum = row_sum(
        NEW.run, NEW.destination, NEW.position, NEW.ordinal, NEW.message_id, NEW.code, NEW.status,
        NEW.reason, NEW.at, NEW.replayed_by
    ) WHERE run = NEW.run AND destination = NEW.destination AND position = NEW.position;
END;

ALTER TABLE usage ADD COLUMN sum INTEGER NOT NULL DEFAULT 0;
UPDATE usage SET sum = row_sum(
    day, sync, destination, call_type, delivered, dead_letters
);
CREATE TRIGGER usage_sum_insert AFTER INSERT ON usage BEGIN
    UPDATE usage SET sum = row_sum(
        NEW.day, NEW.sync, NEW.destination, NEW.call_type, NEW.delivered, NEW.dead_letters
    ) WHERE day = NEW.day AND sync = NEW.sync AND destination = NEW.destination AND call_type = NEW.call_type;
END;
CREATE TRIGGER usage_sum_update AFTER UPDATE OF
    day, sync, destination, call_type, delivered, dead_letters
ON usage BEGIN
    UPDATE usage SET sum = row_sum(
        NEW.day, NEW.sync, NEW.destination, NEW.call_type, NEW.delivered, NEW.dead_letters
    ) WHERE day = NEW.day AND sync = NEW.sync AND destination = NEW.destination AND call_type = NEW.call_type;
END;

ALTER TABLE alerts ADD COLUMN sum INTEGER NOT NULL DEFAULT 0;
UPDATE alerts SET sum = row_sum(
    kind, subject, code, message, since, recovered_at, reported
);
CREATE TRIGGER alerts_sum_insert AFTER INSERT ON alerts BEGIN
    UPDATE alerts SET sum = row_sum(
        NEW.kind, NEW.subject, NEW.code, NEW.message, NEW.since, NEW.recovered_at, NEW.reported
    ) WHERE kind = NEW.kind AND subject = NEW.subject;
END;
CREATE TRIGGER alerts_sum_update AFTER UPDATE OF
    kind, subject, code, message, since, recovered_at, reported
ON alerts BEGIN
    UPDATE alerts SET sum = row_sum(
        NEW.kind, NEW.subject, NEW.code, NEW.message, NEW.since, NEW.recovered_at, NEW.reported
    ) WHERE kind = NEW.kind AND subject = NEW.subject;
END;

ALTER TABLE audits ADD COLUMN sum INTEGER NOT NULL DEFAULT 0;
UPDATE audits SET sum = row_sum(
    run, at, differences
);
CREATE TRIGGER audits_sum_insert AFTER INSERT ON audits BEGIN
    UPDATE audits SET sum = row_sum(
        NEW.run, NEW.at, NEW.differences
    ) WHERE run = NEW.run;
END;
CREATE TRIGGER audits_sum_update AFTER UPDATE OF
    run, at, differences
ON audits BEGIN
    UPDATE audits SET sum = row_sum(
        NEW.run, NEW.at, NEW.differences
    ) WHERE run = NEW.run;
END;

ALTER TABLE clock ADD COLUMN sum INTEGER NOT NULL DEFAULT 0;
UPDATE clock SET sum = row_sum(
    one, record
);
CREATE TRIGGER clock_sum_insert AFTER INSERT ON clock BEGIN
    UPDATE clock SET sum = row_sum(
        NEW.one, NEW.record
    ) WHERE one = NEW.one;
END;
CREATE TRIGGER clock_sum_update AFTER UPDATE OF
    one, record
ON clock BEGIN
    UPDATE clock SET sum = row_sum(
        NEW.one, NEW.record
    ) WHERE one = NEW.one;
END;

ALTER TABLE gaps ADD COLUMN sum INTEGER NOT NULL DEFAULT 0;
UPDATE gaps SET sum = row_sum(
    id, sync, destination, start, first, compared_with, opened_by, cause, calls, opened_at,
    filled_by, closed_at
);
CREATE TRIGGER gaps_sum_insert AFTER INSERT ON gaps BEGIN
    UPDATE gaps SET sum = row_sum(
        NEW.id, NEW.sync, NEW.destination, NEW.start, NEW.first, NEW.compared_with,
        NEW.opened_by, NEW.cause, NEW.calls, NEW.opened_at, NEW.filled_by, NEW.closed_at
    ) WHERE id = NEW.id;
END;
CREATE TRIGGER gaps_sum_update AFTER UPDATE OF
    id, sync, destination, start, first, compared_with, opened_by, cause, calls, opened_at,
    filled_by, closed_at
ON gaps BEGIN
    UPDATE gaps SET sum = row_sum(
        NEW.id, NEW.sync, NEW.destination, NEW.start, NEW.first, NEW.compared_with,
        NEW.opened_by, NEW.cause, NEW.calls, NEW.opened_at, NEW.filled_by, NEW.closed_at
    ) WHERE id = NEW.id;
END;
