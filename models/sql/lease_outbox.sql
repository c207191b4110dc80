-- Take all that is to be told of some jobs for a while: a job whole or not at all, those due longest first.
-- Called by outbox.lease_items. Index: outbox_due, outbox_job.
-- moves: nothing
WITH due AS (
    SELECT job_id, since, sum(items) OVER (ORDER BY since, job_id) - items AS before
    FROM (
        SELECT job_id, min(next_attempt_at) AS since, count(*) AS items
        FROM outbox
        WHERE state = 'waiting' AND next_attempt_at <= clock_timestamp()
          AND (leased_until IS NULL OR leased_until <= clock_timestamp())
        GROUP BY job_id
    ) AS waiting
),
mine AS MATERIALIZED (
    -- Who holds the job's row has the job; what another is about to take is passed over.
    SELECT job.job_id
    FROM jobs AS job
    JOIN due USING (job_id)
    WHERE due.before < %(limit)s
    ORDER BY job.job_id
    FOR NO KEY UPDATE OF job SKIP LOCKED
)
UPDATE outbox AS item
SET leased_until = clock_timestamp() + make_interval(secs => %(seconds)s), attempts = item.attempts + 1
FROM mine
WHERE item.job_id = mine.job_id AND item.state = 'waiting'
  AND (item.leased_until IS NULL OR item.leased_until <= clock_timestamp())
RETURNING item.outbox_id
