SELECT user_id AS "userId", 'Order Placed' AS event, products, total_price AS value, placed_at AS "timestamp"
FROM shop.orders
WHERE placed_at >= {{last_sync_time | timestamp}}
