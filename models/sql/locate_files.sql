-- Let those files wait for jobs that can be read somewhere; the others count as not found.
-- Called by finding.put_replicas, which has locked them, after ensure_placements. Index: files_pkey, replicas_pkey.
-- moves: file, finding -> unallocated
-- moves: file, finding -> notfound
WITH readable AS MATERIALIZED (
    SELECT replica.file_id, array_agg(replica.storage_id ORDER BY replica.storage_id) AS storage_ids
    FROM replicas AS replica
    JOIN storages AS storage USING (storage_id)
    WHERE replica.file_id = ANY(%(file_ids)s::bigint[])
      AND (NOT storage.tape OR replica.accessible_until > clock_timestamp())
    GROUP BY replica.file_id
),
moved AS (
    UPDATE files AS file
    SET state = CASE WHEN found.placement_id IS NULL THEN 'notfound' ELSE 'unallocated' END,
        placement_id = found.placement_id
    FROM (
        SELECT asked.file_id, placement.placement_id, placement.storage_ids
        FROM unnest(%(file_ids)s::bigint[]) AS asked (file_id)
        LEFT JOIN readable USING (file_id)
        LEFT JOIN placements AS placement USING (storage_ids)
    ) AS found
    WHERE file.file_id = found.file_id AND file.state = 'finding'
    RETURNING file.file_id, file.stage_id, file.workflow_id, file.state, found.placement_id, found.storage_ids
),
listed AS (
    INSERT INTO stage_placements (stage_id, storage_id, placement_id)
    SELECT place.stage_id, storage_id, place.placement_id
    FROM (
        SELECT DISTINCT stage_id, placement_id, storage_ids FROM moved WHERE placement_id IS NOT NULL
    ) AS place, unnest(place.storage_ids) AS storage_id
    WHERE NOT EXISTS (
        SELECT FROM stage_placements AS known
        WHERE known.stage_id = place.stage_id AND known.storage_id = storage_id AND known.placement_id = place.placement_id)
    ORDER BY place.stage_id, storage_id, place.placement_id
    ON CONFLICT DO NOTHING
),
logged AS (
    INSERT INTO events (event_type, actor, workflow_id, campaign_id, stage_id, file_id)
    SELECT CASE moved.state WHEN 'unallocated' THEN 'file_located' ELSE 'file_notfound' END, %(actor)s::text,
           moved.workflow_id, workflow.campaign_id, moved.stage_id, moved.file_id
    FROM moved
    JOIN workflows AS workflow USING (workflow_id)
    ORDER BY moved.file_id
)
SELECT count(*) FILTER (WHERE state = 'unallocated'), count(*) FILTER (WHERE state = 'notfound') FROM moved
