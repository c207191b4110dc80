-- All sites (dozens).
-- Called by models/queries/places.py.
-- moves: nothing
SELECT name, country, region, enabled, disabled_reason, last_seen_at FROM sites ORDER BY name LIMIT 10000
