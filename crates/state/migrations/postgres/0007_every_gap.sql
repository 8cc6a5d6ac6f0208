-- A gap has two ends, and says why it could not be filled. What followed from the history of runs
-- until now is a row for each: what destinations lack that are new to a sync, that were away from
-- it, or whose calls a person gave up. Several of one destination are one if the query was the
-- same.

ALTER TABLE gaps ADD COLUMN last bigint NOT NULL DEFAULT 0;
ALTER TABLE gaps ADD COLUMN reason_code text;
ALTER TABLE gaps ADD COLUMN reason text;
UPDATE gaps SET last = opened_by;
CREATE INDEX gaps_by_last ON gaps (sync, last);

INSERT INTO gaps
    (sync, destination, start, first, compared_with, opened_by, cause, calls, opened_at, last)
WITH ordinary AS (
    SELECT id, sync, spec, calls, (spec::json -> 'query')::text AS query
    FROM runs
    WHERE extracted_at IS NOT NULL AND state NOT IN ('awaiting_approval', 'rejected')
        AND (spec::json -> 'options')::text = '{"kind":"incremental"}'
), sent_to AS (
    SELECT o.sync, o.id, c ->> 'destination' AS destination
    FROM ordinary o, json_array_elements(o.spec::json -> 'connections') c
), names AS (
    SELECT sync, destination, min(id) AS since FROM sent_to GROUP BY sync, destination
), backfills AS (
    SELECT sync, spec::json #>> '{options,destination}' AS destination, max(id) AS id
    FROM runs
    WHERE extracted_at IS NOT NULL AND state NOT IN ('awaiting_approval', 'rejected', 'lost')
        AND spec::json #> '{options,kind,backfill}' IS NOT NULL
    GROUP BY 1, 2
), missed AS (
    SELECT n.sync, n.destination, o.id, o.calls,
        CASE WHEN o.id < n.since THEN 'new' ELSE 'away' END AS cause,
        CASE WHEN o.id < n.since THEN '' ELSE o.query END AS query
    FROM names n
    JOIN ordinary o ON o.sync = n.sync AND o.calls <> 0
    LEFT JOIN backfills b ON b.sync = n.sync AND b.destination = n.destination
    WHERE o.id > coalesce(b.id, 0)
        AND NOT EXISTS (
            SELECT 1 FROM deliveries d
            WHERE d.run = o.id AND d.destination = n.destination
                AND (d.cancelled = 0 OR d.reason_code IS NULL OR d.reason_code NOT IN ('E007', 'D101'))
        )
        AND NOT EXISTS (
            SELECT 1 FROM gaps g WHERE g.opened_by = o.id AND g.destination = n.destination
        )
), spans AS (
    SELECT sync, destination, cause, min(id) AS first, max(id) AS last, sum(calls)::bigint AS calls
    FROM missed GROUP BY sync, destination, cause, query
)
SELECT s.sync, s.destination, r.last_sync_time, s.first, r.compared_with, s.first, s.cause,
    s.calls, coalesce(r.extracted_at, r.started_at), s.last
FROM spans s JOIN runs r ON r.id = s.first
ORDER BY s.first, s.destination;
