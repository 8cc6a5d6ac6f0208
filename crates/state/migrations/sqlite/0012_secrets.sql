-- Secrets, encrypted: see crates/secrets.

CREATE TABLE secrets (
    name TEXT PRIMARY KEY,
    record BLOB NOT NULL CHECK (length(record) = 16),
    addresses TEXT NOT NULL,
    set_at INTEGER NOT NULL,
    set_by TEXT NOT NULL,
    key_id TEXT NOT NULL,
    wrapped BLOB NOT NULL,
    sealed BLOB NOT NULL,
    sum INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
CREATE TRIGGER secrets_sum_insert AFTER INSERT ON secrets BEGIN
    UPDATE secrets SET sum = row_sum(
        NEW.name, NEW.record, NEW.addresses, NEW.set_at, NEW.set_by, NEW.key_id, NEW.wrapped, NEW.sealed
    ) WHERE name = NEW.name;
END;
CREATE TRIGGER secrets_sum_update AFTER UPDATE OF
    name, record, addresses, set_at, set_by, key_id, wrapped, sealed
ON secrets BEGIN
    UPDATE secrets SET sum = row_sum(
        NEW.name, NEW.record, NEW.addresses, NEW.set_at, NEW.set_by, NEW.key_id, NEW.wrapped, NEW.sealed
    ) WHERE name = NEW.name;
END;
