-- Keep where files lie; those that their stage can read somewhere wait for jobs, the others count as not found.
-- Called by finding.put_replicas after lock_located and ensure_located_placements. Index: files_pkey, replicas_pkey,
-- placements_storage_ids_key.
-- moves: file, finding -> unallocated
-- moves: file, finding -> notfound
WITH asked AS MATERIALIZED (
    SELECT located.file_id, located.place, located.storage_ids,
           ARRAY(SELECT known.storage_id FROM replicas AS known WHERE known.file_id = located.file_id) AS known_ids
    FROM located_files AS located
),
copy AS MATERIALIZED (
    SELECT DISTINCT ON (located.file_id, storage.storage_id) located.file_id, storage.storage_id, located.wan_pfn,
           nullif(located.lan_pfn, located.wan_pfn) AS lan_pfn, storage.storage_id = ANY(asked.known_ids) AS is_known
    FROM asked
    JOIN located_replicas AS located USING (file_id)
    JOIN storages AS storage ON storage.name = located.rse
    ORDER BY located.file_id, storage.storage_id
),
gone AS (
    DELETE FROM replicas
    WHERE ctid = ANY(ARRAY(
        SELECT known.place
        FROM asked
        CROSS JOIN LATERAL (
            SELECT known.ctid AS place, known.storage_id FROM replicas AS known
            WHERE known.file_id = asked.file_id
            OFFSET 0
        ) AS known
        WHERE asked.known_ids <> '{}'
          AND NOT EXISTS (SELECT FROM copy WHERE copy.file_id = asked.file_id AND copy.storage_id = known.storage_id)
    ))
),
kept AS (
    INSERT INTO replicas (file_id, storage_id, wan_pfn, lan_pfn)
    SELECT file_id, storage_id, wan_pfn, lan_pfn FROM copy WHERE is_known
    ON CONFLICT (file_id, storage_id) DO UPDATE SET wan_pfn = EXCLUDED.wan_pfn, lan_pfn = EXCLUDED.lan_pfn
),
added AS (
    -- Nobody else adds copies of files that are locked, and an insert that does not look for conflicts costs less.
    INSERT INTO replicas (file_id, storage_id, wan_pfn, lan_pfn)
    SELECT file_id, storage_id, wan_pfn, lan_pfn FROM copy WHERE NOT is_known
),
stage AS MATERIALIZED (
    SELECT workflow.workflow_id, workflow.campaign_id,
           -- Null when the stage takes its inputs from anywhere.
           (SELECT array_agg(chosen.storage_id) FROM stage_storages AS chosen
            WHERE chosen.stage_id = stage.stage_id AND chosen.for_input) AS input_storage_ids
    FROM stages AS stage
    JOIN workflows AS workflow USING (workflow_id)
    WHERE stage.stage_id = %(stage_id)s
),
found AS MATERIALIZED (
    SELECT asked.file_id, asked.storage_ids, placement.placement_id
    FROM stage
    CROSS JOIN asked
    LEFT JOIN placements AS placement
           ON placement.storage_ids = asked.storage_ids
          AND (stage.input_storage_ids IS NULL OR stage.input_storage_ids && asked.storage_ids)
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
    -- Where it is on disk cannot change while it is locked, and spares looking it up again.
    WHERE file.ctid = ANY(ARRAY(SELECT place FROM asked)) AND file.file_id = found.file_id
    RETURNING file.file_id, file.state, found.storage_ids IS NULL AS nowhere
),
logged AS (
    INSERT INTO events (event_type, actor, workflow_id, campaign_id, stage_id, file_id, details)
    SELECT CASE moved.state WHEN 'unallocated' THEN 'file_located' ELSE 'file_notfound' END, %(actor)s::text,
           stage.workflow_id, stage.campaign_id, %(stage_id)s, moved.file_id,
           CASE WHEN moved.state = 'notfound' THEN jsonb_build_object('message', CASE WHEN moved.nowhere
               THEN 'no storage has a copy that can be read'
               ELSE 'no copy at the storages that the stage takes its inputs from' END) END
    FROM moved, stage
    ORDER BY moved.file_id
)
SELECT count(*) FILTER (WHERE state = 'unallocated'), count(*) FILTER (WHERE state = 'notfound') FROM moved
