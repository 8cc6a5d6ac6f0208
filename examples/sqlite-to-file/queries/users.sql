SELECT id AS "userId", email, first_name, plan
FROM users
WHERE last_updated >= {{last_sync_time}}
