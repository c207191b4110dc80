-- How far storages are from sites (hundreds to thousands), of one site or storage where they are named.
-- Called by models/queries/places.py. Index: distances_pkey.
-- moves: nothing
SELECT site.name, storage.name, distance.distance, distance.by_hand, distance.by_rule
FROM distances AS distance
JOIN sites AS site USING (site_id)
JOIN storages AS storage USING (storage_id)
WHERE (%(site)s::text IS NULL OR site.name = %(site)s) AND (%(storage)s::text IS NULL OR storage.name = %(storage)s)
ORDER BY site.name, distance.distance, storage.name
LIMIT 100000
