SELECT user_id AS "userId", 'Order Placed' AS event, id AS order_id, product, price AS value, placed_at AS "timestamp"
FROM orders
WHERE placed_at >= {{last_sync_time}}
