-- The catalogues could not be told of jobs' outputs now: try again later.
-- Called by outbox.retry. Index: outbox_job.
-- moves: nothing
WITH waiting AS (
    SELECT outbox_id
    FROM outbox
    WHERE job_id = ANY(%(job_ids)s::bigint[]) AND state = 'waiting'
    ORDER BY outbox_id
    FOR NO KEY UPDATE
)
UPDATE outbox AS item
SET leased_until = NULL, last_error = %(error)s,
    next_attempt_at = clock_timestamp() + make_interval(secs => %(seconds)s)
FROM waiting
WHERE item.outbox_id = waiting.outbox_id
RETURNING item.job_id
