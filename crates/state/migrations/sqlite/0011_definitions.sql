-- Definitions: a row for each version of a source, a destination, a sync or a setting. A row
-- without a value says that the definition was removed.

CREATE TABLE definitions (
    kind TEXT NOT NULL CHECK (kind IN ('source', 'destination', 'sync', 'setting')),
    name TEXT NOT NULL,
    version INTEGER NOT NULL CHECK (version > 0),
    owner TEXT CHECK (owner IN ('files', 'server')),
    status TEXT CHECK (status IN ('draft', 'enabled')),
    value TEXT,
    place TEXT,
    at INTEGER NOT NULL,
    actor_kind TEXT NOT NULL,
    actor TEXT NOT NULL,
    renamed TEXT,
    sum INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (kind, name, version),
    CHECK ((value IS NULL) = (owner IS NULL) AND (value IS NULL) = (status IS NULL))
) STRICT, WITHOUT ROWID;
CREATE TRIGGER definitions_sum_insert AFTER INSERT ON definitions BEGIN
    UPDATE definitions SET sum = row_sum(
        NEW.kind, NEW.name, NEW.version, NEW.owner, NEW.status, NEW.value, NEW.place, NEW.at,
        NEW.actor_kind, NEW.actor, NEW.renamed
    ) WHERE kind = NEW.kind AND name = NEW.name AND version = NEW.version;
END;
CREATE TRIGGER definitions_sum_update AFTER UPDATE OF
    kind, name, version, owner, status, value, place, at, actor_kind, actor, renamed
ON definitions BEGIN
    UPDATE definitions SET sum = row_sum(
        NEW.kind, NEW.name, NEW.version, NEW.owner, NEW.status, NEW.value, NEW.place, NEW.at,
        NEW.actor_kind, NEW.actor, NEW.renamed
    ) WHERE kind = NEW.kind AND name = NEW.name AND version = NEW.version;
END;
