-- Queued jobs beyond what could still be of use: more than the waiting files of the stage they were meant for ask for,
-- and than other stages count on; those submitted last go first.
-- Called by watching.surplus_jobs. Index: jobs_queued, files_waiting.
-- moves: nothing
WITH queued AS (
    SELECT job.job_id, job.jobsub_id, job.hint_stage_id,
           row_number() OVER (PARTITION BY job.hint_stage_id ORDER BY job.job_id) AS position
    FROM jobs AS job
    WHERE job.state = 'submitted' AND job.hint_stage_id IS NOT NULL
      AND job.submitted_at < clock_timestamp() - make_interval(secs => %(seconds)s)
),
useful AS (
    -- Where many jobs fail, a file asks for more than one.
    SELECT hint.hint_stage_id,
           ceil(ceil(coalesce(files.waiting, 0) / least(1.0, coalesce(kept.files_per_job, 1.0)))
                / coalesce(kept.success_rate, 1.0)) + coalesce(kept.lent, 0) AS jobs
    FROM (SELECT hint_stage_id, count(*) AS jobs FROM queued GROUP BY hint_stage_id) AS hint
    JOIN stages AS stage ON stage.stage_id = hint.hint_stage_id
    JOIN workflows AS workflow ON workflow.workflow_id = stage.workflow_id
    LEFT JOIN LATERAL (
        SELECT count(*) AS waiting
        FROM (SELECT FROM files AS file
              WHERE file.stage_id = hint.hint_stage_id AND file.state = 'unallocated'
              LIMIT hint.jobs) AS counted
    ) AS files ON workflow.state = 'running'
    LEFT JOIN unnest(%(stage_ids)s::int[], %(files_per_job)s::float8[], %(success_rates)s::float8[], %(lent)s::int[])
              AS kept (stage_id, files_per_job, success_rate, lent) ON kept.stage_id = stage.stage_id AND workflow.state = 'running'
)
SELECT queued.job_id, queued.jobsub_id
FROM queued
JOIN useful ON useful.hint_stage_id = queued.hint_stage_id
WHERE queued.position > useful.jobs
ORDER BY queued.job_id DESC
LIMIT %(limit)s
