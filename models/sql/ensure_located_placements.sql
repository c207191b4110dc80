-- See that there is a placement for each set of storages from which any of the located files can be read.
-- Called by finding.put_replicas after lock_located. Index: placements_storage_ids_key.
-- moves: nothing
INSERT INTO placements (storage_ids)
SELECT DISTINCT located.storage_ids
FROM located_files AS located
WHERE located.storage_ids IS NOT NULL
  AND NOT EXISTS (SELECT FROM placements AS known WHERE known.storage_ids = located.storage_ids)
-- In order, so that two of these do not wait for each other.
ORDER BY located.storage_ids
ON CONFLICT DO NOTHING
