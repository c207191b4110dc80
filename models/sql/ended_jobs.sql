-- How many jobs ended in each hour, by how they ended; those that never started are left out.
-- Called by models/queries/outlook.py. Index: jobs_ended, or jobs_workflow with a workflow.
-- moves: nothing
SELECT date_trunc('hour', finished_at), state, count(*)
FROM jobs
WHERE finished_at >= clock_timestamp() - make_interval(secs => %(seconds)s) AND started_at IS NOT NULL
  AND (%(workflow_id)s::int IS NULL OR workflow_id = %(workflow_id)s)
GROUP BY 1, 2
ORDER BY 1, 2
