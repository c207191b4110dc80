-- How the jobscripts of each running workflow have ended since it last (re)started, by end, with the newest jobs of
-- each. Only ends that say something of the jobscript count: not those of jobs that never ran one to its end, nor of
-- those from which the system kept a file that they asked for.
-- Called by models/problems.py. Index: workflows_unfinished, jobs_stage.
-- moves: nothing
SELECT ended.workflow_id, ended.state, ended.jobs,
       (sum(ended.jobs) OVER (PARTITION BY ended.workflow_id))::bigint AS all_jobs, ended.job_ids, ended.jobsub_ids
FROM (
    SELECT workflow.workflow_id, job.state, count(*) AS jobs,
           (array_agg(job.job_id ORDER BY job.job_id DESC))[1:%(newest)s::int] AS job_ids,
           (array_agg(job.jobsub_id ORDER BY job.job_id DESC))[1:%(newest)s::int] AS jobsub_ids
    FROM workflows AS workflow
    JOIN stages AS stage ON stage.workflow_id = workflow.workflow_id
    JOIN jobs AS job ON job.stage_id = stage.stage_id
    WHERE workflow.state = 'running'
      AND job.state IN ('finished', 'jobscript_error', 'no_input_requested', 'none_processed', 'timed_out',
                        'outputting_failed')
      -- A job from before the restart may have met the pause.
      AND COALESCE(job.started_at, job.finished_at) >= workflow.started_at AND NOT job.was_refused
    GROUP BY workflow.workflow_id, job.state
) AS ended
ORDER BY ended.workflow_id, ended.jobs DESC
