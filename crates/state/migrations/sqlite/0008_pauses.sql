-- What people have paused: a row for each sync and destination.

CREATE TABLE pauses (
    kind TEXT NOT NULL CHECK (kind IN ('sync', 'destination')),
    name TEXT NOT NULL,
    since INTEGER NOT NULL,
    sum INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (kind, name)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER pauses_sum_insert AFTER INSERT ON pauses BEGIN
    UPDATE pauses SET sum = row_sum(
        NEW.kind, NEW.name, NEW.since
    ) WHERE kind = NEW.kind AND name = NEW.name;
END;
CREATE TRIGGER pauses_sum_update AFTER UPDATE OF kind, name, since ON pauses BEGIN
    UPDATE pauses SET sum = row_sum(
        NEW.kind, NEW.name, NEW.since
    ) WHERE kind = NEW.kind AND name = NEW.name;
END;
