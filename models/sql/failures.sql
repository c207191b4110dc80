-- The ways in which jobs of a workflow failed, the most frequent first, each with its newest job.
-- Called by models/queries/outlook.py. Index: jobs_workflow.
-- moves: nothing
SELECT job.state, job.state_message, job.jobscript_exit, count(*), max(job.finished_at),
       (array_agg(job.jobsub_id ORDER BY job.job_id DESC))[1]
FROM jobs AS job
WHERE job.workflow_id = %(workflow_id)s AND job.finished_at IS NOT NULL
  AND NOT job.state = ANY(%(well)s)
GROUP BY job.state, job.state_message, job.jobscript_exit
ORDER BY count(*) DESC, max(job.finished_at) DESC
LIMIT %(limit)s
