-- See that there is a placement for each set of storages from which any of the located files can be read.
-- Called by finding.put_replicas after a COPY into located_replicas. Index: placements_storage_ids_key.
-- moves: nothing
INSERT INTO placements (storage_ids)
SELECT DISTINCT readable.storage_ids
FROM (
    SELECT array_agg(DISTINCT storage.storage_id) AS storage_ids
    FROM located_replicas AS located
    JOIN storages AS storage ON storage.name = located.rse
    WHERE /* is_online */
    GROUP BY located.file_id
) AS readable
WHERE NOT EXISTS (SELECT FROM placements AS known WHERE known.storage_ids = readable.storage_ids)
-- In order, so that two of these do not wait for each other.
ORDER BY readable.storage_ids
ON CONFLICT DO NOTHING
