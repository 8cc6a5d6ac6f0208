-- Where a sync's next run begins is stored by the run before it, with the lookback and open
-- transactions allowed for; what a counter had reached after earlier runs. Rows that were rejected
-- by the run before, too, are counted apart.

ALTER TABLE syncs ADD COLUMN watermark_next_us bigint;
ALTER TABLE syncs ADD COLUMN watermark_open_us bigint;
ALTER TABLE syncs ADD COLUMN cursor_next text;
ALTER TABLE syncs ADD COLUMN cursor_history text;
ALTER TABLE runs ADD COLUMN rejected_again bigint NOT NULL DEFAULT 0;
-- The triggers compute the sums, which cover the new columns.
UPDATE syncs SET sum = 0;
UPDATE runs SET sum = 0;
