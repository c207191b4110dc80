-- Move the files that may become another state, log each move, and return those that moved.
-- Called by moves.move_files. Index: files_pkey.
-- moves: file, from the given sources to the given state, as FILE_MOVES has them
WITH allowed AS (
    SELECT unnest(%(sources)s::text[]) AS was, unnest(%(event_types)s::text[]) AS event_type
),
moving AS (
    -- In the order of ids, so that two of these never wait for each other.
    SELECT f.file_id, f.state AS was
    FROM files f
    WHERE f.file_id = ANY(%(ids)s::bigint[]) AND f.state = ANY(%(sources)s::text[])
    ORDER BY f.file_id
    FOR NO KEY UPDATE
),
moved AS (
    UPDATE files f
    SET state = %(target)s::text,
        -- A user's retry begins with a clean sheet.
        allocations = CASE WHEN %(target)s::text = 'finding' THEN 0 ELSE f.allocations END,
        failed_site_id = CASE WHEN %(target)s::text = 'finding' THEN NULL ELSE f.failed_site_id END,
        failed_host = CASE WHEN %(target)s::text = 'finding' THEN NULL ELSE f.failed_host END
    FROM moving m
    WHERE f.file_id = m.file_id
    RETURNING f.file_id, f.workflow_id, f.stage_id, f.job_id, f.creator_job_id, m.was
),
told AS (
    SELECT m.*, a.event_type, a.event_type LIKE 'output%%' AS of_output,
           CASE WHEN a.event_type LIKE 'output%%' THEN m.creator_job_id
                WHEN m.was IN ('allocated', 'outputting') THEN m.job_id END AS teller_id
    FROM moved m
    JOIN allowed a ON a.was = m.was
),
logged AS (
    INSERT INTO events (event_type, actor, source, workflow_id, campaign_id, stage_id, file_id, job_id, site_id,
                        entry_name, storage_id, seconds, details)
    SELECT t.event_type, %(actor)s::text, %(source)s::text, t.workflow_id, w.campaign_id,
           CASE WHEN t.of_output THEN j.stage_id ELSE t.stage_id END,
           t.file_id, j.job_id, j.site_id, j.entry_name,
           CASE WHEN t.of_output THEN (SELECT min(r.storage_id) FROM replicas r WHERE r.file_id = t.file_id) END,
           %(seconds)s::float8,
           -- What a person did is told with the old and the new.
           CASE WHEN %(source)s::text IS NULL THEN %(details)s::jsonb
                ELSE coalesce(%(details)s::jsonb, '{}') || jsonb_build_object('from', t.was, 'to', %(target)s::text) END
    FROM told t
    JOIN workflows w ON w.workflow_id = t.workflow_id
    LEFT JOIN jobs j ON j.job_id = t.teller_id
    ORDER BY t.file_id
)
SELECT file_id FROM moved ORDER BY file_id
