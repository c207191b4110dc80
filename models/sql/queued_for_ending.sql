-- Queued jobs that were meant for workflows which take no more.
-- Called by completion.queued_for_ending. Index: workflows_unfinished, jobs_queued.
-- moves: nothing
SELECT job.job_id, job.jobsub_id
FROM workflows AS workflow
JOIN stages AS stage ON stage.workflow_id = workflow.workflow_id
JOIN jobs AS job ON job.hint_stage_id = stage.stage_id AND job.state = 'submitted'
WHERE workflow.state IN ('finishing', 'cancelling')
ORDER BY job.job_id
LIMIT %(limit)s
