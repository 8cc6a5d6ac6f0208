-- Secrets, encrypted: see crates/secrets.

CREATE TABLE secrets (
    name text COLLATE "C" PRIMARY KEY,
    record bytea NOT NULL CHECK (length(record) = 16),
    addresses text NOT NULL,
    set_at bigint NOT NULL,
    set_by text NOT NULL,
    key_id text COLLATE "C" NOT NULL,
    wrapped bytea NOT NULL,
    sealed bytea NOT NULL,
    sum bigint NOT NULL DEFAULT 0
);
CREATE TRIGGER sum BEFORE INSERT OR UPDATE ON secrets FOR EACH ROW EXECUTE FUNCTION set_sum();
