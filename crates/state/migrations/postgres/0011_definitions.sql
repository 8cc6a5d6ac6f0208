-- Definitions: a row for each version of a source, a destination, a sync or a setting. A row
-- without a value says that the definition was removed.

CREATE TABLE definitions (
    kind text COLLATE "C" NOT NULL CHECK (kind IN ('source', 'destination', 'sync', 'setting')),
    name text COLLATE "C" NOT NULL,
    version bigint NOT NULL CHECK (version > 0),
    owner text CHECK (owner IN ('files', 'server')),
    status text CHECK (status IN ('draft', 'enabled')),
    value text,
    place text,
    at bigint NOT NULL,
    actor_kind text NOT NULL,
    actor text NOT NULL,
    renamed text,
    sum bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (kind, name, version),
    CHECK ((value IS NULL) = (owner IS NULL) AND (value IS NULL) = (status IS NULL))
);
CREATE TRIGGER sum BEFORE INSERT OR UPDATE ON definitions FOR EACH ROW EXECUTE FUNCTION set_sum();
