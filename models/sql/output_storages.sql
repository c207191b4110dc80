-- The storages that may take a stage's outputs, with what decides their order for a site.
-- Called by models/queries/storages.py at record_results. Reads all storages (dozens).
-- moves: nothing
SELECT storage.storage_id, storage.name, chosen.position, COALESCE(distance.distance, 100), storage.occupancy
FROM storages AS storage
LEFT JOIN stage_storages AS chosen
       ON chosen.stage_id = %(stage_id)s AND chosen.storage_id = storage.storage_id AND NOT chosen.for_input
LEFT JOIN distances AS distance
       ON distance.site_id = %(site_id)s AND distance.storage_id = storage.storage_id
WHERE storage.rucio_write AND storage.enabled_write AND NOT storage.tape
  AND storage.occupancy < 1
  AND COALESCE(distance.distance, 100) <= 100
