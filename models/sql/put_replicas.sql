-- Keep where files lie; those that can be read somewhere wait for jobs, the others count as not found.
-- Called by finding.put_replicas after a COPY into located_replicas. Index: files_pkey, replicas_pkey.
-- moves: file, finding -> unallocated
-- moves: file, finding -> notfound
WITH asked AS MATERIALIZED (
    SELECT file.file_id
    FROM files AS file
    WHERE file.file_id = ANY(%(file_ids)s::bigint[]) AND file.stage_id = %(stage_id)s AND file.state = 'finding'
    ORDER BY file.file_id
    FOR NO KEY UPDATE
),
copy AS MATERIALIZED (
    SELECT DISTINCT ON (asked.file_id, storage.storage_id) asked.file_id, storage.storage_id, located.wan_pfn,
           nullif(located.lan_pfn, located.wan_pfn) AS lan_pfn,
           -- What is on tape counts once it was brought online.
           NOT storage.tape OR coalesce((
               SELECT known.accessible_until > clock_timestamp() FROM replicas AS known
               WHERE known.file_id = asked.file_id AND known.storage_id = storage.storage_id), false) AS is_online
    FROM asked
    JOIN located_replicas AS located USING (file_id)
    JOIN storages AS storage ON storage.name = located.rse
    ORDER BY asked.file_id, storage.storage_id
),
gone AS (
    DELETE FROM replicas AS known
    USING asked
    WHERE known.file_id = asked.file_id
      AND NOT EXISTS (SELECT FROM copy WHERE copy.file_id = known.file_id AND copy.storage_id = known.storage_id)
),
kept AS (
    INSERT INTO replicas (file_id, storage_id, wan_pfn, lan_pfn)
    SELECT file_id, storage_id, wan_pfn, lan_pfn FROM copy
    ON CONFLICT (file_id, storage_id) DO UPDATE SET wan_pfn = EXCLUDED.wan_pfn, lan_pfn = EXCLUDED.lan_pfn
),
moved AS (
    UPDATE files AS file
    SET state = CASE WHEN found.is_online THEN 'unallocated' ELSE 'notfound' END,
        spread = (random() * 2147483647)::int
    FROM (
        SELECT asked.file_id, coalesce(bool_or(copy.is_online), false) AS is_online
        FROM asked
        LEFT JOIN copy USING (file_id)
        GROUP BY asked.file_id
    ) AS found
    WHERE file.file_id = found.file_id
    RETURNING file.file_id, file.stage_id, file.workflow_id, file.spread, file.state
),
queued AS (
    INSERT INTO waiting_replicas (stage_id, storage_id, spread, file_id)
    SELECT moved.stage_id, copy.storage_id, moved.spread, moved.file_id
    FROM moved
    JOIN copy USING (file_id)
    WHERE moved.state = 'unallocated' AND copy.is_online
    ORDER BY copy.storage_id, moved.spread
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
