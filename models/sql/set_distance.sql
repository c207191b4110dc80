-- Set how far a storage is from a site, or let the rules say it again; returns 1 when there are both places.
-- Called by models/distances.py. Index: distances_pkey; reads sites and storages by name (dozens).
-- moves: nothing
WITH place AS MATERIALIZED (
    SELECT site.site_id, storage.storage_id
    FROM sites AS site CROSS JOIN storages AS storage
    WHERE site.name = %(site)s AND storage.name = %(rse)s
),
old AS MATERIALIZED (
    SELECT known.* FROM distances AS known JOIN place USING (site_id, storage_id) FOR UPDATE OF known
),
written AS (
    INSERT INTO distances (site_id, storage_id, distance, by_hand)
    SELECT place.site_id, place.storage_id, %(distance)s::int, true
    FROM place
    -- Read before it is changed: a lock would skip what this statement has changed already.
    LEFT JOIN old ON true
    WHERE %(distance)s::int IS NOT NULL AND (old.distance, old.by_hand) IS DISTINCT FROM (%(distance)s::int, true)
    ON CONFLICT (site_id, storage_id) DO UPDATE SET distance = excluded.distance, by_hand = true
    RETURNING site_id, storage_id, distance, by_hand
),
given_back AS (
    UPDATE distances AS known
    SET distance = coalesce(known.by_rule, known.distance), by_hand = false
    FROM old
    WHERE %(distance)s::int IS NULL AND old.by_hand
      AND (known.site_id, known.storage_id) = (old.site_id, old.storage_id)
    RETURNING known.site_id, known.storage_id, known.distance, known.by_hand
),
logged AS (
    INSERT INTO events (event_type, actor, source, site_id, storage_id, details)
    SELECT 'distance_changed', %(actor)s::text, %(source)s::text, new.site_id, new.storage_id,
           jsonb_build_object('from', old.distance, 'to', new.distance, 'by_hand', new.by_hand,
                              'message', %(message)s::text)
    FROM (SELECT * FROM written UNION ALL SELECT * FROM given_back) AS new
    LEFT JOIN old USING (site_id, storage_id)
)
SELECT 1 FROM place
