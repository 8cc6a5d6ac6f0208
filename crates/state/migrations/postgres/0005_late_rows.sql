-- Where a sync's next run begins is stored by the run before it, with the lookback and open
-- transactions allowed for; what a counter had reached after earlier runs.

ALTER TABLE syncs ADD COLUMN watermark_next_us bigint;
ALTER TABLE syncs ADD COLUMN watermark_open_us bigint;
ALTER TABLE syncs ADD COLUMN cursor_next text;
ALTER TABLE syncs ADD COLUMN cursor_history text;
-- The trigger computes the sum, which covers the new columns.
UPDATE syncs SET sum = 0;
