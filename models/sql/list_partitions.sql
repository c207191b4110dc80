-- The partitions of the events with their bounds, earliest first; the default one has none.
-- Called by models/partitions.py. Index: PostgreSQL's own.
-- moves: nothing
SELECT part.relname, (regexp_match(bound.expression, 'FROM \(''([^'']+)''\)'))[1]::timestamptz AS since,
       (regexp_match(bound.expression, 'TO \(''([^'']+)''\)'))[1]::timestamptz AS until
FROM pg_inherits AS link
JOIN pg_class AS part ON part.oid = link.inhrelid
CROSS JOIN LATERAL (SELECT pg_get_expr(part.relpartbound, part.oid) AS expression) AS bound
WHERE link.inhparent = 'events'::regclass AND bound.expression <> 'DEFAULT'
ORDER BY until
