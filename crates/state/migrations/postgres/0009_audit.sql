-- The audit log: a chain of entries that nothing changes, and where it begins and ends.

CREATE TABLE audit_log (
    number bigint PRIMARY KEY CHECK (number > 0),
    at bigint NOT NULL,
    actor_kind text COLLATE "C" NOT NULL,
    actor text COLLATE "C" NOT NULL,
    request_id text COLLATE "C",
    address text COLLATE "C",
    action text COLLATE "C" NOT NULL,
    subject text COLLATE "C" NOT NULL,
    value_before text,
    value_after text,
    result text COLLATE "C" NOT NULL,
    code text COLLATE "C",
    previous bytea NOT NULL CHECK (length(previous) = 32),
    hash bytea NOT NULL CHECK (length(hash) = 32),
    sum bigint NOT NULL DEFAULT 0
);
CREATE TRIGGER sum BEFORE INSERT OR UPDATE ON audit_log FOR EACH ROW EXECUTE FUNCTION set_sum();

-- One row, made with the first entry. Retention moves `first` before it removes entries.
CREATE TABLE audit_head (
    one integer PRIMARY KEY CHECK (one = 1),
    first bigint NOT NULL CHECK (first > 0),
    anchor bytea NOT NULL CHECK (length(anchor) = 32),
    last bigint NOT NULL CHECK (last >= first - 1),
    last_hash bytea NOT NULL CHECK (length(last_hash) = 32),
    sum bigint NOT NULL DEFAULT 0
);
CREATE TRIGGER sum BEFORE INSERT OR UPDATE ON audit_head FOR EACH ROW EXECUTE FUNCTION set_sum();

-- The log grows at its end and is cut at its beginning, and in no other way.
CREATE FUNCTION audit_refuses() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_TABLE_NAME = 'audit_log' AND TG_OP = 'DELETE' THEN
        IF OLD.number < (SELECT first FROM audit_head) THEN
            RETURN OLD;
        END IF;
    ELSIF TG_TABLE_NAME = 'audit_log' AND TG_OP = 'INSERT' THEN
        IF NEW.number = (SELECT last FROM audit_head) THEN
            RETURN NEW;
        END IF;
    ELSIF TG_TABLE_NAME = 'audit_head' AND TG_OP = 'UPDATE' THEN
        IF NEW.first >= OLD.first AND NEW.last >= OLD.last THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION 'the audit log grows at its end and is cut at its beginning, and in no other way'
        USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER refuse BEFORE INSERT OR UPDATE OR DELETE ON audit_log
    FOR EACH ROW EXECUTE FUNCTION audit_refuses();
CREATE TRIGGER refuse_all BEFORE TRUNCATE ON audit_log
    FOR EACH STATEMENT EXECUTE FUNCTION audit_refuses();
CREATE TRIGGER refuse BEFORE UPDATE OR DELETE ON audit_head
    FOR EACH ROW EXECUTE FUNCTION audit_refuses();
CREATE TRIGGER refuse_all BEFORE TRUNCATE ON audit_head
    FOR EACH STATEMENT EXECUTE FUNCTION audit_refuses();
