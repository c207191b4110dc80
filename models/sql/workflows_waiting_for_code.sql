-- The submitted workflows that wait for a repository.
-- Called by repositories.waiting_workflows. Index: stage_repositories_code.
-- moves: nothing
SELECT DISTINCT workflow.workflow_id
FROM stage_repositories AS code
JOIN stages AS stage USING (stage_id)
JOIN workflows AS workflow USING (workflow_id)
WHERE (code.organisation, code.repository, code.commit) = (%(organisation)s, %(repository)s, %(commit)s)
  AND code.path = '' AND workflow.state = 'submitted'
ORDER BY workflow.workflow_id
