-- The submitted workflows all of whose repositories are published.
-- Called by repositories.ready_workflows. Index: workflows_unfinished, stages_workflow_id_stage_number_key,
-- stage_repositories_stage_id_organisation_repository_key.
-- moves: nothing
SELECT workflow.workflow_id
FROM workflows AS workflow
WHERE workflow.state = 'submitted' AND workflow.state NOT IN ('finished', 'failed')
  AND NOT EXISTS (
    SELECT FROM stages AS stage
    JOIN stage_repositories AS code USING (stage_id)
    WHERE stage.workflow_id = workflow.workflow_id AND code.path = ''
  )
ORDER BY workflow.workflow_id
LIMIT %(limit)s
