-- A batch of the jobs of an archived workflow that are in the hot tables still.
-- Called by emptying.empty. Index: jobs_workflow.
-- moves: nothing
SELECT job.job_id FROM jobs AS job WHERE job.workflow_id = %(workflow_id)s::int LIMIT %(limit)s
