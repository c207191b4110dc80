-- See that a set of storages has a placement, and that a stage knows it; return its key.
-- Called by placements.ensure. Index: placements_storage_ids_key.
WITH made AS (
    -- An update that changes nothing, so that the key is returned either way.
    INSERT INTO placements (storage_ids) VALUES (%(storage_ids)s::int[])
    ON CONFLICT (storage_ids) DO UPDATE SET storage_ids = excluded.storage_ids
    RETURNING placement_id
),
known AS (
    INSERT INTO stage_placements (stage_id, storage_id, placement_id)
    SELECT %(stage_id)s, s.storage_id, m.placement_id
    FROM made m, unnest(%(storage_ids)s::int[]) AS s (storage_id)
    ON CONFLICT DO NOTHING
)
SELECT placement_id FROM made
