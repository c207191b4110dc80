-- Put storages beside the sites that Rucio names for them, as far as these are known.
-- Called by models/storages.py. Index: sites_name_key; reads all storages (dozens).
-- moves: nothing
UPDATE storages AS storage
SET site_id = site.site_id
FROM sites AS site
WHERE site.name = storage.attributes ->> 'site' AND storage.site_id IS DISTINCT FROM site.site_id
