-- What the pool makes of the jobs that were meant for a stage: the queued ones, and those that ended without a start.
-- Called by queries/why_not.py. Index: jobs_queued, jobs_unstarted.
-- moves: nothing
SELECT counted.state, counted.message, counted.jobs, counted.seconds
FROM (
    SELECT 'submitted' AS state, '' AS message, count(*) AS jobs,
           extract(epoch FROM clock_timestamp() - min(submitted_at))::float8 AS seconds
    FROM jobs
    WHERE hint_stage_id = %(stage_id)s AND state = 'submitted'
    UNION ALL
    (SELECT state, state_message, count(*), extract(epoch FROM clock_timestamp() - max(finished_at))::float8
     FROM jobs
     WHERE hint_stage_id = %(stage_id)s AND started_at IS NULL
       AND finished_at > clock_timestamp() - make_interval(secs => %(seconds)s)
     GROUP BY state, state_message
     ORDER BY count(*) DESC
     LIMIT %(limit)s)
) AS counted
WHERE counted.jobs > 0
