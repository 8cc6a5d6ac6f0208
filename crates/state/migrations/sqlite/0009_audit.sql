-- The audit log: a chain of entries that nothing changes, and where it begins and ends.

CREATE TABLE audit_log (
    number INTEGER PRIMARY KEY CHECK (number > 0),
    at INTEGER NOT NULL,
    actor_kind TEXT NOT NULL,
    actor TEXT NOT NULL,
    request_id TEXT,
    address TEXT,
    action TEXT NOT NULL,
    subject TEXT NOT NULL,
    value_before TEXT,
    value_after TEXT,
    result TEXT NOT NULL,
    code TEXT,
    previous BLOB NOT NULL CHECK (length(previous) = 32),
    hash BLOB NOT NULL CHECK (length(hash) = 32),
    sum INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TRIGGER audit_log_sum_insert AFTER INSERT ON audit_log BEGIN
    UPDATE audit_log SET sum = row_sum(
        NEW.number, NEW.at, NEW.actor_kind, NEW.actor, NEW.request_id, NEW.address, NEW.action,
        NEW.subject, NEW.value_before, NEW.value_after, NEW.result, NEW.code, NEW.previous, NEW.hash
    ) WHERE number = NEW.number;
END;
CREATE TRIGGER audit_log_sum_update AFTER UPDATE OF
    number, at, actor_kind, actor, request_id, address, action, subject, value_before, value_after,
    result, code, previous, hash
ON audit_log BEGIN
    UPDATE audit_log SET sum = row_sum(
        NEW.number, NEW.at, NEW.actor_kind, NEW.actor, NEW.request_id, NEW.address, NEW.action,
        NEW.subject, NEW.value_before, NEW.value_after, NEW.result, NEW.code, NEW.previous, NEW.hash
    ) WHERE number = NEW.number;
END;

-- One row, made with the first entry. Retention moves `first` before it removes entries.
CREATE TABLE audit_head (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    first INTEGER NOT NULL CHECK (first > 0),
    anchor BLOB NOT NULL CHECK (length(anchor) = 32),
    last INTEGER NOT NULL CHECK (last >= first - 1),
    last_hash BLOB NOT NULL CHECK (length(last_hash) = 32),
    sum INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TRIGGER audit_head_sum_insert AFTER INSERT ON audit_head BEGIN
    UPDATE audit_head SET sum = row_sum(
        NEW.one, NEW.first, NEW.anchor, NEW.last, NEW.last_hash
    ) WHERE one = NEW.one;
END;
CREATE TRIGGER audit_head_sum_update AFTER UPDATE OF one, first, anchor, last, last_hash ON audit_head BEGIN
    UPDATE audit_head SET sum = row_sum(
        NEW.one, NEW.first, NEW.anchor, NEW.last, NEW.last_hash
    ) WHERE one = NEW.one;
END;

-- The log grows at its end and is cut at its beginning, and in no other way. Only the checksum of a
-- row is ever set after it was written, by the trigger above.
CREATE TRIGGER audit_log_grows BEFORE INSERT ON audit_log
WHEN NEW.number IS NOT (SELECT last FROM audit_head)
    OR EXISTS (SELECT 1 FROM audit_log WHERE number = NEW.number)
BEGIN
    SELECT RAISE(ABORT, 'the audit log grows at its end alone');
END;
CREATE TRIGGER audit_log_stays BEFORE UPDATE OF
    number, at, actor_kind, actor, request_id, address, action, subject, value_before, value_after,
    result, code, previous, hash
ON audit_log BEGIN
    SELECT RAISE(ABORT, 'nothing changes an entry of the audit log');
END;
CREATE TRIGGER audit_log_kept BEFORE DELETE ON audit_log
WHEN OLD.number >= coalesce((SELECT first FROM audit_head), 1)
BEGIN
    SELECT RAISE(ABORT, 'nothing removes an entry of the audit log that it begins with or holds');
END;
CREATE TRIGGER audit_head_moves BEFORE UPDATE OF one, first, last ON audit_head
WHEN NEW.first < OLD.first OR NEW.last < OLD.last
BEGIN
    SELECT RAISE(ABORT, 'the audit log becomes no shorter at its end');
END;
CREATE TRIGGER audit_head_stays BEFORE DELETE ON audit_head BEGIN
    SELECT RAISE(ABORT, 'the audit log has a head');
END;
