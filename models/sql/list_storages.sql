-- All storages (dozens).
-- Called by models/queries/places.py.
-- moves: nothing
SELECT storage.name, site.name, storage.country, storage.region, storage.tape,
       storage.rucio_read AND storage.enabled_read, storage.rucio_write AND storage.enabled_write,
       storage.disabled_reason, storage.occupancy, storage.last_seen_at
FROM storages AS storage
LEFT JOIN sites AS site USING (site_id)
ORDER BY storage.name
LIMIT 10000
