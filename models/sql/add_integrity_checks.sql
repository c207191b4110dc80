-- Workflows with datasets are checked from now on.
-- Called by reconciliation.add_workflows. Index: integrity_checks_pkey, ix_datasets_workflow_id.
-- moves: nothing
INSERT INTO integrity_checks (workflow_id, badge, reason, pass_number, phase, mark, files, final_passes, failures,
                              holder, next_check_at)
SELECT workflow.workflow_id, 'unknown', '', 0, '', '', 0, 0, 0, '',
       clock_timestamp() + make_interval(secs => CASE WHEN workflow.state = 'finished' THEN 0
                                                      ELSE %(running_seconds)s END)
FROM workflows AS workflow
WHERE workflow.state IN ('running', 'paused', 'finishing', 'cancelling', 'finished')
  AND NOT EXISTS (SELECT FROM integrity_checks AS known WHERE known.workflow_id = workflow.workflow_id)
  AND EXISTS (SELECT FROM datasets AS dataset WHERE dataset.workflow_id = workflow.workflow_id)
ORDER BY workflow.workflow_id
ON CONFLICT (workflow_id) DO NOTHING
