-- Where all storages are (dozens); one without a country or region of its own is where its site is.
-- Called by models/distances.py. Index: sites_pkey.
-- moves: nothing
SELECT storage.storage_id, storage.name, COALESCE(site.name, ''), COALESCE(NULLIF(storage.country, ''), site.country, ''),
       COALESCE(NULLIF(storage.region, ''), site.region, '')
FROM storages AS storage
LEFT JOIN sites AS site USING (site_id)
ORDER BY storage.storage_id
