-- The catalogues could not be told of jobs' logs now: try again later.
-- Called by log_archives.retry. Index: log_archives_pkey.
-- moves: nothing
WITH waiting AS MATERIALIZED (
    SELECT job_id
    FROM log_archives
    WHERE job_id = ANY(%(job_ids)s::bigint[]) AND state = 'waiting'
    ORDER BY job_id
    FOR NO KEY UPDATE
)
UPDATE log_archives AS archive
SET leased_until = NULL, last_error = %(error)s,
    next_attempt_at = clock_timestamp() + make_interval(secs => %(seconds)s)
FROM waiting
WHERE archive.job_id = waiting.job_id
RETURNING archive.job_id
