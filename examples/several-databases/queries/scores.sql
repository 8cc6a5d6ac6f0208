SELECT user_id AS "userId", churn_risk, lifetime_value
FROM analytics.scores
WHERE computed_at >= {{last_sync_time | timestamp}}
