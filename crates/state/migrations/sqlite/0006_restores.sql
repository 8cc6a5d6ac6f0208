-- What tells of a restore: the marks of the spool, where the store was, and up to which run nothing
-- is compared.

ALTER TABLE installation ADD COLUMN mark BLOB;
ALTER TABLE installation ADD COLUMN mark_before BLOB;
ALTER TABLE installation ADD COLUMN place TEXT NOT NULL DEFAULT '{}';
ALTER TABLE installation ADD COLUMN restored_after INTEGER;
ALTER TABLE installation ADD COLUMN parted_after INTEGER;

DROP TRIGGER installation_sum_insert;
DROP TRIGGER installation_sum_update;
UPDATE installation SET sum = row_sum(
    one, id, holder, mark, mark_before, place, restored_after, parted_after
);
CREATE TRIGGER installation_sum_insert AFTER INSERT ON installation BEGIN
    UPDATE installation SET sum = row_sum(
        NEW.one, NEW.id, NEW.holder, NEW.mark, NEW.mark_before, NEW.place, NEW.restored_after,
        NEW.parted_after
    ) WHERE one = NEW.one;
END;
CREATE TRIGGER installation_sum_update AFTER UPDATE OF
    one, id, holder, mark, mark_before, place, restored_after, parted_after
ON installation BEGIN
    UPDATE installation SET sum = row_sum(
        NEW.one, NEW.id, NEW.holder, NEW.mark, NEW.mark_before, NEW.place, NEW.restored_after,
        NEW.parted_after
    ) WHERE one = NEW.one;
END;
