-- How the jobs of each running workflow have ended since it last began to run, by end, with a few examples each.
-- Called by completion.common_ends. Index: workflows_unfinished, jobs_stage.
-- moves: nothing
SELECT ended.workflow_id, ended.state, ended.jobs,
       (sum(ended.jobs) OVER (PARTITION BY ended.workflow_id))::bigint AS all_jobs, ended.examples
FROM (
    SELECT workflow.workflow_id, job.state, count(*) AS jobs,
           (array_agg(job.jobsub_id ORDER BY job.job_id DESC))[1:3] AS examples
    FROM workflows AS workflow
    JOIN stages AS stage ON stage.workflow_id = workflow.workflow_id
    JOIN jobs AS job ON job.stage_id = stage.stage_id
    WHERE workflow.state = 'running' AND job.finished_at >= workflow.started_at
    GROUP BY workflow.workflow_id, job.state
) AS ended
ORDER BY ended.workflow_id, ended.jobs DESC
