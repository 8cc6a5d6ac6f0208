SELECT c.id AS "groupId", c.name, c.employees, m.user_id AS "userId"
FROM shop.companies c
JOIN shop.members m ON m.company_id = c.id
WHERE c.last_updated >= {{last_sync_time | timestamp}}
