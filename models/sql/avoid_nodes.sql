-- Avoid the nodes where lately most jobs, and enough of them, failed as soon as they had started, while jobs of the
-- same stages did better elsewhere; and log it. Where they had no chance elsewhere, a node is blamed for what its
-- jobs could not even begin, and not for what their jobscripts did.
-- Called by models/nodes.py. Index: jobs_ended for the jobs of the window, avoided_nodes_pkey.
-- moves: nothing
WITH ended AS MATERIALIZED (
    SELECT job.site_id, job.hostname, job.stage_id, job.finished_at,
           job.state IN ('aborted', 'jobscript_error')
           AND job.finished_at - job.started_at < make_interval(secs => %(fast_seconds)s) AS fast,
           job.state = 'aborted' AS aborted
    FROM jobs AS job
    WHERE job.finished_at > clock_timestamp() - make_interval(secs => %(window_seconds)s)
      AND job.started_at IS NOT NULL AND job.site_id IS NOT NULL AND job.hostname <> '' AND job.stage_id IS NOT NULL
      AND NOT job.was_refused
),
node AS MATERIALIZED (
    -- What happened before a node was avoided has been paid for.
    SELECT ended.site_id, ended.hostname, count(*) AS jobs, count(*) FILTER (WHERE fast) AS failed,
           count(*) FILTER (WHERE fast AND aborted) AS aborted, array_agg(DISTINCT stage_id) FILTER (WHERE fast) AS stages
    FROM ended
    LEFT JOIN avoided_nodes AS known ON known.site_id = ended.site_id AND known.hostname = ended.hostname
    WHERE known.until IS NULL OR (known.until < clock_timestamp() AND ended.finished_at > known.since)
    GROUP BY ended.site_id, ended.hostname
    HAVING count(*) FILTER (WHERE fast) >= %(failed_jobs)s AND 2 * count(*) FILTER (WHERE fast) > count(*)
),
bad AS MATERIALIZED (
    SELECT node.*
    FROM node
    CROSS JOIN LATERAL (
        SELECT count(*) AS jobs, count(*) FILTER (WHERE ended.fast) AS failed
        FROM ended
        WHERE ended.stage_id = ANY(node.stages)
          AND (ended.site_id, ended.hostname) <> (node.site_id, node.hostname)
    ) AS elsewhere
    WHERE CASE WHEN elsewhere.jobs = 0 THEN 2 * node.aborted > node.jobs ELSE 2 * elsewhere.failed < elsewhere.jobs END
),
avoided AS (
    INSERT INTO avoided_nodes AS known (site_id, hostname, since, until, failed_jobs)
    SELECT site_id, hostname, clock_timestamp(), clock_timestamp() + make_interval(secs => %(avoid_seconds)s), failed
    FROM bad
    ORDER BY site_id, hostname
    ON CONFLICT (site_id, hostname) DO UPDATE
    SET since = excluded.since, until = excluded.until, failed_jobs = excluded.failed_jobs
    -- Of two cycles at once one avoids the node.
    WHERE known.until < clock_timestamp()
    RETURNING known.site_id, known.hostname, known.until, known.failed_jobs
),
logged AS (
    INSERT INTO events (event_type, actor, site_id, seconds, details)
    SELECT 'node_avoided', %(actor)s::text, avoided.site_id, %(avoid_seconds)s::float8,
           jsonb_build_object('hostname', avoided.hostname, 'failed_jobs', avoided.failed_jobs, 'jobs', bad.jobs,
                              'until', avoided.until, 'message',
                              avoided.failed_jobs || ' of the last ' || bad.jobs || ' jobs on ' || avoided.hostname
                              || ' failed as soon as they had started.')
    FROM avoided
    JOIN bad USING (site_id, hostname)
)
SELECT site.name, avoided.hostname, avoided.until, avoided.failed_jobs
FROM avoided
JOIN sites AS site USING (site_id)
ORDER BY site.name, avoided.hostname
