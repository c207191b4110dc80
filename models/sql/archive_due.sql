-- Workflows that ended so long ago and of which nothing is left to be done: no job, no registration, no log. Nor does a
-- workflow that goes on take any of their outputs: its files have parents there.
-- Called by archives.due. Index: jobs_workflow, outbox_due, log_archives_due, ix_datasets_workflow_id; files_output and
-- files_input for what others take. Reads all workflows that have ended and are not archived.
-- moves: nothing
SELECT workflow.workflow_id
FROM workflows AS workflow
WHERE workflow.state IN ('finished', 'failed')
  AND COALESCE(workflow.finished_at, workflow.created_at) < clock_timestamp() - make_interval(secs => %(seconds)s)
  AND NOT EXISTS (SELECT FROM archived_workflows AS known WHERE known.workflow_id = workflow.workflow_id)
  AND NOT EXISTS (SELECT FROM outbox AS item
                  WHERE item.state = 'waiting' AND item.workflow_id = workflow.workflow_id)
  AND NOT EXISTS (SELECT FROM datasets AS dataset
                  WHERE dataset.workflow_id = workflow.workflow_id AND dataset.closed_at IS NULL)
  AND NOT EXISTS (SELECT FROM jobs AS job
                  WHERE job.workflow_id = workflow.workflow_id AND (job.finished_at IS NULL OR job.in_pool))
  AND NOT EXISTS (SELECT FROM log_archives AS logs
                  JOIN jobs AS job USING (job_id)
                  WHERE logs.state = 'waiting' AND job.workflow_id = workflow.workflow_id)
  AND NOT EXISTS (
      SELECT
      FROM workflows AS other
      JOIN stages AS stage ON stage.workflow_id = other.workflow_id
      WHERE other.state NOT IN ('finished', 'failed')
        AND EXISTS (
            SELECT
            FROM files AS made
            JOIN files AS taken ON taken.stage_id = stage.stage_id AND taken.did = made.did AND taken.state <> 'dropped'
            WHERE made.workflow_id = workflow.workflow_id AND made.creator_job_id IS NOT NULL
              AND made.state <> 'dropped'))
ORDER BY workflow.finished_at
LIMIT %(limit)s
