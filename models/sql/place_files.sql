-- Note for files from which storages they can be read, and list these placements under their stages.
-- Called by placements.place_files after ensure_placements. Index: files_pkey, replicas_pkey.
-- moves: nothing
WITH readable AS MATERIALIZED (
    SELECT asked.file_id, readable.storage_ids
    FROM unnest(%(file_ids)s::bigint[]) AS asked (file_id)
    CROSS JOIN LATERAL (
        SELECT array_agg(replica.storage_id ORDER BY replica.storage_id) AS storage_ids
        FROM replicas AS replica
        WHERE replica.file_id = asked.file_id
          AND (replica.storage_id NOT IN (SELECT storage_id FROM storages WHERE tape)
               OR replica.accessible_until > clock_timestamp())
    ) AS readable
),
placed AS (
    UPDATE files AS file
    SET placement_id = placement.placement_id
    FROM readable
    JOIN placements AS placement USING (storage_ids)
    WHERE file.file_id = readable.file_id
    RETURNING file.file_id, file.stage_id, placement.placement_id, placement.storage_ids
),
listed AS (
    INSERT INTO stage_placements (stage_id, storage_id, placement_id)
    SELECT place.stage_id, storage_id, place.placement_id
    FROM (
        SELECT DISTINCT stage_id, placement_id, storage_ids FROM placed WHERE stage_id IS NOT NULL
    ) AS place, unnest(place.storage_ids) AS storage_id
    ORDER BY place.stage_id, storage_id, place.placement_id
    ON CONFLICT DO NOTHING
)
SELECT file_id FROM placed
