-- The running workflows whose files are to be looked for now, those that have waited longest first.
-- Called by finding.due_workflows. Index: workflows_due.
-- moves: nothing
SELECT workflow.workflow_id, stage.stage_id, workflow.scope, workflow.mql, quota.name, quota.max_input_files,
       clock_timestamp()
FROM workflows AS workflow
JOIN stages AS stage ON stage.workflow_id = workflow.workflow_id AND stage.stage_number = 1
JOIN scopes AS scope ON scope.name = workflow.scope
JOIN quotas AS quota ON quota.quota_id = scope.quota_id
WHERE workflow.state = 'running' AND workflow.refind_next_at <= clock_timestamp()
ORDER BY workflow.refind_next_at
LIMIT %(limit)s
