-- Keep where files lie; those that can be read somewhere wait for jobs, the others count as not found.
-- Called by finding.put_replicas after a COPY into located_replicas and ensure_located_placements.
-- Index: files_pkey, replicas_pkey, placements_storage_ids_key, whatever the planner knows of these tables: they
-- are full before it has looked at them for the first time.
-- moves: file, finding -> unallocated
-- moves: file, finding -> notfound
WITH asked AS MATERIALIZED (
    SELECT file.file_id
    FROM (SELECT unnest(%(file_ids)s::bigint[]) AS file_id ORDER BY file_id) AS wanted
    CROSS JOIN LATERAL (
        SELECT file.file_id
        FROM files AS file
        WHERE file.file_id = wanted.file_id AND file.stage_id = %(stage_id)s AND file.state = 'finding'
        FOR NO KEY UPDATE
    ) AS file
),
copy AS MATERIALIZED (
    SELECT DISTINCT ON (asked.file_id, storage.storage_id) asked.file_id, storage.storage_id, located.wan_pfn,
           nullif(located.lan_pfn, located.wan_pfn) AS lan_pfn, /* is_online */ AS is_online
    FROM asked
    JOIN located_replicas AS located USING (file_id)
    JOIN storages AS storage ON storage.name = located.rse
    ORDER BY asked.file_id, storage.storage_id
),
gone AS (
    DELETE FROM replicas
    WHERE ctid = ANY(ARRAY(
        SELECT known.ctid
        FROM asked
        CROSS JOIN LATERAL (
            SELECT known.ctid, known.storage_id FROM replicas AS known WHERE known.file_id = asked.file_id OFFSET 0
        ) AS known
        WHERE NOT EXISTS (SELECT FROM copy WHERE copy.file_id = asked.file_id AND copy.storage_id = known.storage_id)
    ))
),
kept AS (
    INSERT INTO replicas (file_id, storage_id, wan_pfn, lan_pfn)
    SELECT file_id, storage_id, wan_pfn, lan_pfn FROM copy
    ON CONFLICT (file_id, storage_id) DO UPDATE SET wan_pfn = EXCLUDED.wan_pfn, lan_pfn = EXCLUDED.lan_pfn
),
found AS MATERIALIZED (
    SELECT asked.file_id, placement.placement_id, placement.storage_ids
    FROM asked
    LEFT JOIN (
        SELECT file_id, array_agg(storage_id ORDER BY storage_id) AS storage_ids FROM copy WHERE is_online GROUP BY file_id
    ) AS readable USING (file_id)
    LEFT JOIN placements AS placement USING (storage_ids)
),
listed AS (
    INSERT INTO stage_placements (stage_id, storage_id, placement_id)
    SELECT %(stage_id)s, storage_id, place.placement_id
    FROM (SELECT DISTINCT placement_id, storage_ids FROM found WHERE placement_id IS NOT NULL) AS place,
         unnest(place.storage_ids) AS storage_id
    WHERE place.placement_id NOT IN (
        SELECT known.placement_id FROM stage_placements AS known WHERE known.stage_id = %(stage_id)s)
    -- In order, so that two of these do not wait for each other.
    ORDER BY storage_id, place.placement_id
    ON CONFLICT DO NOTHING
),
moved AS (
    UPDATE files AS file
    SET state = CASE WHEN found.placement_id IS NULL THEN 'notfound' ELSE 'unallocated' END,
        placement_id = found.placement_id
    FROM found
    WHERE file.file_id = found.file_id
    RETURNING file.file_id, file.state
),
logged AS (
    INSERT INTO events (event_type, actor, workflow_id, campaign_id, stage_id, file_id)
    SELECT CASE moved.state WHEN 'unallocated' THEN 'file_located' ELSE 'file_notfound' END, %(actor)s::text,
           stage.workflow_id, stage.campaign_id, %(stage_id)s, moved.file_id
    FROM moved
    CROSS JOIN (
        SELECT workflow.workflow_id, workflow.campaign_id
        FROM stages AS stage
        JOIN workflows AS workflow USING (workflow_id)
        WHERE stage.stage_id = %(stage_id)s
    ) AS stage
    ORDER BY moved.file_id
)
SELECT count(*) FILTER (WHERE state = 'unallocated'), count(*) FILTER (WHERE state = 'notfound') FROM moved
