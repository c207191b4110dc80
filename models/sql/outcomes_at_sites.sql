-- How the jobs that started at each site ended lately, and how long they ran.
-- Called by models/queries/outlook.py. Index: jobs_ended, or jobs_workflow with a workflow.
-- moves: nothing
SELECT site.name, ended.state, ended.jobs, ended.real_seconds, ended.cpu_seconds
FROM (
    SELECT job.site_id, job.state, count(*) AS jobs, coalesce(sum(job.real_seconds), 0) AS real_seconds,
           coalesce(sum(job.cpu_seconds), 0) AS cpu_seconds
    FROM jobs AS job
    WHERE job.finished_at >= clock_timestamp() - make_interval(secs => %(seconds)s) AND job.started_at IS NOT NULL
      AND (%(workflow_id)s::int IS NULL OR job.workflow_id = %(workflow_id)s)
    GROUP BY job.site_id, job.state
) AS ended
JOIN sites AS site USING (site_id)
ORDER BY site.name, ended.state
