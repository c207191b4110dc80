-- What the owners of some workflows should know of their code: references that moved, what repositories cannot give.
-- Called by models/code.py. Index: code_references_pkey, stages_workflow_id_stage_number_key,
-- stage_repositories_stage_id_organisation_repository_key.
-- moves: nothing
SELECT told.workflow_id, told.sentence
FROM (
    SELECT workflow_id, message AS sentence
    FROM code_references
    WHERE workflow_id = ANY(%(workflow_ids)s::int[]) AND message <> ''
    UNION
    SELECT stage.workflow_id, code.organisation || '/' || code.repository || ': ' || code.message
    FROM stages AS stage
    JOIN stage_repositories AS code USING (stage_id)
    WHERE stage.workflow_id = ANY(%(workflow_ids)s::int[]) AND code.message <> ''
) AS told
ORDER BY told.workflow_id, told.sentence
