-- The schedds with jobs that have not ended, up to when changes in each are known, and whether all its jobs are due for
-- a look.
-- Called by watching.live_schedds. Index: jobs_alive, pool_marks_pkey.
-- moves: nothing
SELECT live.schedd, mark.mark_seconds,
       COALESCE(mark.looked_at < clock_timestamp() - make_interval(secs => %(seconds)s), true)
FROM (
    SELECT DISTINCT substr(jobsub_id, strpos(jobsub_id || '@', '@') + 1) AS schedd
    FROM jobs
    WHERE state IN ('submitted', 'started', 'processing', 'outputting')
) AS live
LEFT JOIN pool_marks AS mark ON mark.schedd = live.schedd
ORDER BY live.schedd
