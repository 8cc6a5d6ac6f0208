-- What outlasts a clock that is wrong: the uptime at the start of the run that a sync goes on from,
-- and what is known of the local clock.

ALTER TABLE syncs ADD COLUMN watermark_boot text;
ALTER TABLE syncs ADD COLUMN watermark_uptime_us bigint;
ALTER TABLE syncs ADD COLUMN watermark_begin_us bigint;
ALTER TABLE syncs ADD COLUMN watermark_begin_for_us bigint;

CREATE TABLE clock (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    record text NOT NULL
);
