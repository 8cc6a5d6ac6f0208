-- What people have paused: a row for each sync and destination.

CREATE TABLE pauses (
    kind text COLLATE "C" NOT NULL CHECK (kind IN ('sync', 'destination')),
    name text COLLATE "C" NOT NULL,
    since bigint NOT NULL,
    sum bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (kind, name)
);
CREATE TRIGGER sum BEFORE INSERT OR UPDATE ON pauses FOR EACH ROW EXECUTE FUNCTION set_sum();
