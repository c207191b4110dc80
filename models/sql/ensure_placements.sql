-- See that there is a placement for each set of storages from which any of the files can be read.
-- Called by models/placements.py before the statement that uses them. Index: replicas_pkey, placements_storage_ids_key.
-- moves: nothing
INSERT INTO placements (storage_ids)
SELECT DISTINCT readable.storage_ids
FROM unnest(%(file_ids)s::bigint[]) AS asked (file_id)
CROSS JOIN LATERAL (
    SELECT array_agg(replica.storage_id ORDER BY replica.storage_id) AS storage_ids
    FROM replicas AS replica
    WHERE replica.file_id = asked.file_id
      -- What is on tape counts once it was brought online.
      AND (replica.storage_id NOT IN (SELECT storage_id FROM storages WHERE tape)
           OR replica.accessible_until > clock_timestamp())
) AS readable
WHERE readable.storage_ids IS NOT NULL
  AND NOT EXISTS (SELECT FROM placements AS known WHERE known.storage_ids = readable.storage_ids)
-- In order, so that two of these do not wait for each other.
ORDER BY readable.storage_ids
ON CONFLICT DO NOTHING
