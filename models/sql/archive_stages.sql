-- The stages of a workflow, each whole, with its kinds of output and the commits of its repositories.
-- Called by archives.definitions. Index: stages_workflow_id_stage_number_key, stage_outputs_stage_id_pattern_id_key.
-- moves: nothing
SELECT to_jsonb(stage) || jsonb_build_object(
    'outputs', (SELECT coalesce(jsonb_agg(to_jsonb(output) ORDER BY output.pattern_id), '[]')
                FROM stage_outputs AS output WHERE output.stage_id = stage.stage_id),
    'repositories', (SELECT coalesce(jsonb_agg(to_jsonb(code) ORDER BY code.repository_id), '[]')
                     FROM stage_repositories AS code WHERE code.stage_id = stage.stage_id))
FROM stages AS stage
WHERE stage.workflow_id = %(workflow_id)s::int
ORDER BY stage.stage_number
