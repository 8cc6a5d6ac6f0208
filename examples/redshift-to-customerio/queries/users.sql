SELECT id AS "userId", email, first_name, plan, created_at AS "createdAt"
FROM shop.users
WHERE last_updated >= {{last_sync_time | timestamp}}
