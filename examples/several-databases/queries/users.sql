SELECT id AS "userId", email, country
FROM users
WHERE last_updated >= {{last_sync_time | timestamp}}
