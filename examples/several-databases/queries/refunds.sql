SELECT user_id AS "userId", 'Order Refunded' AS event, order_id, amount AS value, refunded_at AS "timestamp"
FROM refunds
WHERE refunded_at >= {{last_sync_time | timestamp}}
