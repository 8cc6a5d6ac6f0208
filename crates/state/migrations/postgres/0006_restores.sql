-- What tells of a restore: the marks of the spool, where the store was, and up to which run nothing
-- is compared.

ALTER TABLE installation ADD COLUMN mark bytea;
ALTER TABLE installation ADD COLUMN mark_before bytea;
ALTER TABLE installation ADD COLUMN place text NOT NULL DEFAULT '{}';
ALTER TABLE installation ADD COLUMN restored_after bigint;
ALTER TABLE installation ADD COLUMN parted_after bigint;
-- The trigger computes the sum, which covers the new columns.
UPDATE installation SET sum = 0;
