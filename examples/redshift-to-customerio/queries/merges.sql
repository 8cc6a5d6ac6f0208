SELECT user_id AS "userId", old_id AS "previousId"
FROM shop.user_resolution
WHERE resolved_at >= {{last_sync_time | timestamp}}
