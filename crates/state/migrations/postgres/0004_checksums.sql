-- Every row has a checksum of its other columns, so that a value that changed on the server's disk
-- is found when the row is read. The row of claims changes with every write and proves itself.

-- 64 bits of the MD5 of the row as JSON, whose keys have a fixed order.
CREATE FUNCTION row_sum(row_as_json jsonb) RETURNS bigint LANGUAGE sql IMMUTABLE AS
    $$ SELECT ('x' || left(md5((row_as_json - 'sum')::text), 16))::bit(64)::bigint $$;

CREATE FUNCTION set_sum() RETURNS trigger LANGUAGE plpgsql AS
    $$
BEGIN
    NEW.sum := ('x' || left(md5((to_jsonb(NEW) - 'sum')::text), 16))::bit(64)::bigint;
    RETURN NEW;
END $$;

-- True, or an error. The last column of what reads a row.
CREATE FUNCTION intact(of_table text, row_as_json jsonb) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    IF (row_as_json ->> 'sum')::bigint IS DISTINCT FROM row_sum(row_as_json) THEN
        RAISE EXCEPTION 'a row of the table % fails its checksum', of_table
            USING ERRCODE = 'data_corrupted';
    END IF;
    RETURN true;
END $$;

ALTER TABLE installation ADD COLUMN sum bigint NOT NULL DEFAULT 0;
UPDATE installation SET sum = row_sum(to_jsonb(installation));
CREATE TRIGGER sum BEFORE INSERT OR UPDATE ON installation FOR EACH ROW EXECUTE FUNCTION set_sum();

ALTER TABLE runs ADD COLUMN sum bigint NOT NULL DEFAULT 0;
UPDATE runs SET sum = row_sum(to_jsonb(runs));
CREATE TRIGGER sum BEFORE INSERT OR UPDATE ON runs FOR EACH ROW EXECUTE FUNCTION set_sum();

ALTER TABLE syncs ADD COLUMN sum bigint NOT NULL DEFAULT 0;
UPDATE syncs SET sum = row_sum(to_jsonb(syncs));
CREATE TRIGGER sum BEFORE INSERT OR UPDATE ON syncs FOR EACH ROW EXECUTE FUNCTION set_sum();

ALTER TABLE approvals ADD COLUMN sum bigint NOT NULL DEFAULT 0;
UPDATE approvals SET sum = row_sum(to_jsonb(approvals));
CREATE TRIGGER sum BEFORE INSERT OR UPDATE ON approvals FOR EACH ROW EXECUTE FUNCTION set_sum();

ALTER TABLE segments ADD COLUMN sum bigint NOT NULL DEFAULT 0;
UPDATE segments SET sum = row_sum(to_jsonb(segments));
CREATE TRIGGER sum BEFORE INSERT OR UPDATE ON segments FOR EACH ROW EXECUTE FUNCTION set_sum();

ALTER TABLE findings ADD COLUMN sum bigint NOT NULL DEFAULT 0;
UPDATE findings SET sum = row_sum(to_jsonb(findings));
CREATE TRIGGER sum BEFORE INSERT OR UPDATE ON findings FOR EACH ROW EXECUTE FUNCTION set_sum();

ALTER TABLE deliveries ADD COLUMN sum bigint NOT NULL DEFAULT 0;
UPDATE deliveries SET sum = row_sum(to_jsonb(deliveries));
CREATE TRIGGER sum BEFORE INSERT OR UPDATE ON deliveries FOR EACH ROW EXECUTE FUNCTION set_sum();

ALTER TABLE dead_letters ADD COLUMN sum bigint NOT NULL DEFAULT 0;
UPDATE dead_letters SET sum = row_sum(to_jsonb(dead_letters));
CREATE TRIGGER sum BEFORE INSERT OR UPDATE ON dead_letters FOR EACH ROW EXECUTE FUNCTION set_sum();

ALTER TABLE usage ADD COLUMN sum bigint NOT NULL DEFAULT 0;
UPDATE usage SET sum = row_sum(to_jsonb(usage));
CREATE TRIGGER sum BEFORE INSERT OR UPDATE ON usage FOR EACH ROW EXECUTE FUNCTION set_sum();

ALTER TABLE schedules ADD COLUMN sum bigint NOT NULL DEFAULT 0;
UPDATE schedules SET sum = row_sum(to_jsonb(schedules));
CREATE TRIGGER sum BEFORE INSERT OR UPDATE ON schedules FOR EACH ROW EXECUTE FUNCTION set_sum();

ALTER TABLE alerts ADD COLUMN sum bigint NOT NULL DEFAULT 0;
UPDATE alerts SET sum = row_sum(to_jsonb(alerts));
CREATE TRIGGER sum BEFORE INSERT OR UPDATE ON alerts FOR EACH ROW EXECUTE FUNCTION set_sum();

ALTER TABLE audits ADD COLUMN sum bigint NOT NULL DEFAULT 0;
UPDATE audits SET sum = row_sum(to_jsonb(audits));
CREATE TRIGGER sum BEFORE INSERT OR UPDATE ON audits FOR EACH ROW EXECUTE FUNCTION set_sum();

ALTER TABLE clock ADD COLUMN sum bigint NOT NULL DEFAULT 0;
UPDATE clock SET sum = row_sum(to_jsonb(clock));
CREATE TRIGGER sum BEFORE INSERT OR UPDATE ON clock FOR EACH ROW EXECUTE FUNCTION set_sum();

ALTER TABLE gaps ADD COLUMN sum bigint NOT NULL DEFAULT 0;
UPDATE gaps SET sum = row_sum(to_jsonb(gaps));
CREATE TRIGGER sum BEFORE INSERT OR UPDATE ON gaps FOR EACH ROW EXECUTE FUNCTION set_sum();
