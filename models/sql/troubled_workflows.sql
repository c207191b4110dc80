-- Workflows that somebody has to look at, the newest first: paused by the system, or failed not long ago.
-- Called by models/queries/outlook.py. Reads all workflows (thousands).
-- moves: nothing
SELECT workflow.workflow_id, workflow.name, owner.name, workflow.state, workflow.state_message,
       coalesce(workflow.finished_at, workflow.started_at, workflow.submitted_at, workflow.created_at)
FROM workflows AS workflow
JOIN users AS owner USING (user_id)
WHERE (workflow.state = 'paused' AND workflow.state_message <> '')
   OR (workflow.state = 'failed'
       AND workflow.finished_at >= clock_timestamp() - make_interval(secs => %(seconds)s))
ORDER BY workflow.workflow_id DESC
LIMIT %(limit)s
