-- Where all storages are (dozens): where their sites are, or else where Rucio says.
-- Called by models/distances.py. Index: sites_pkey.
-- moves: nothing
SELECT storage.storage_id, storage.name, COALESCE(site.name, ''), COALESCE(NULLIF(site.country, ''), storage.country),
       COALESCE(NULLIF(site.region, ''), storage.region)
FROM storages AS storage
LEFT JOIN sites AS site USING (site_id)
ORDER BY storage.storage_id
