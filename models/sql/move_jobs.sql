-- Move the jobs that may become another state, log each move, and return those that moved.
-- Called by moves.move_jobs. Index: jobs_pkey.
-- moves: job, from the given sources to the given state, as JOB_MOVES has them
WITH allowed AS (
    SELECT unnest(%(sources)s::text[]) AS was, unnest(%(event_types)s::text[]) AS event_type
),
moving AS (
    SELECT j.job_id, j.state AS was
    FROM jobs j
    WHERE j.job_id = ANY(%(ids)s::bigint[]) AND j.state = ANY(%(sources)s::text[])
    ORDER BY j.job_id
    FOR NO KEY UPDATE
),
moved AS (
    UPDATE jobs j
    SET state = %(target)s::text,
        state_message = %(message)s::text,
        finished_at = CASE WHEN %(ends)s::boolean THEN clock_timestamp() ELSE j.finished_at END
    FROM moving m
    WHERE j.job_id = m.job_id
    RETURNING j.job_id, j.workflow_id, j.stage_id, j.charged_quota_id, j.site_id, j.entry_name, j.asked_for_files,
              j.jobscript_exit, j.real_seconds, m.was
),
leaving AS (
    SELECT * FROM moved WHERE %(ends)s::boolean AND was <> 'submitted'
),
-- Stages before quotas, each in the order of ids: everything that counts jobs locks in this order.
stages AS (
    SELECT l.stage_id
    FROM stage_loads l
    WHERE l.stage_id IN (SELECT stage_id FROM leaving)
    ORDER BY l.stage_id
    FOR NO KEY UPDATE
),
stages_relieved AS (
    UPDATE stage_loads l
    SET running_jobs = l.running_jobs - n.jobs, unasked_jobs = l.unasked_jobs - n.unasked_jobs
    FROM stages s
    JOIN (
        SELECT stage_id, count(*) AS jobs, count(*) FILTER (WHERE NOT asked_for_files) AS unasked_jobs
        FROM leaving GROUP BY stage_id
    ) n ON n.stage_id = s.stage_id
    WHERE l.stage_id = s.stage_id
    RETURNING l.stage_id
),
quotas AS (
    SELECT l.quota_id
    FROM quota_loads l
    WHERE l.quota_id IN (SELECT charged_quota_id FROM leaving) AND (SELECT count(*) FROM stages_relieved) > 0
    ORDER BY l.quota_id
    FOR NO KEY UPDATE
),
quotas_relieved AS (
    UPDATE quota_loads l
    SET running_jobs = l.running_jobs - n.jobs
    FROM quotas q
    JOIN (SELECT charged_quota_id, count(*) AS jobs FROM leaving GROUP BY charged_quota_id) n
      ON n.charged_quota_id = q.quota_id
    WHERE l.quota_id = q.quota_id
),
logged AS (
    INSERT INTO events (event_type, actor, workflow_id, campaign_id, stage_id, job_id, jobscript_exit, site_id,
                        entry_name, seconds, details)
    SELECT a.event_type, %(actor)s::text, m.workflow_id, w.campaign_id, m.stage_id, m.job_id, m.jobscript_exit, m.site_id,
           m.entry_name, coalesce(%(seconds)s::float8, m.real_seconds), %(details)s::jsonb
    FROM moved m
    JOIN allowed a ON a.was = m.was
    LEFT JOIN workflows w ON w.workflow_id = m.workflow_id
    ORDER BY m.job_id
)
SELECT job_id FROM moved ORDER BY job_id
