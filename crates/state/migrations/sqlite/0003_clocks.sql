-- What outlasts a clock that is wrong: the uptime at the start of the run that a sync goes on from,
-- and what is known of the local clock.

ALTER TABLE syncs ADD COLUMN watermark_boot TEXT;
ALTER TABLE syncs ADD COLUMN watermark_uptime_us INTEGER;
ALTER TABLE syncs ADD COLUMN watermark_begin_us INTEGER;
ALTER TABLE syncs ADD COLUMN watermark_begin_for_us INTEGER;

CREATE TABLE clock (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    record TEXT NOT NULL
) STRICT;
