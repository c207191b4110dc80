-- The stages of an archived workflow that are in the hot tables still.
-- Called by emptying.empty. Index: stages_workflow_id_stage_number_key.
-- moves: nothing
SELECT stage.stage_id FROM stages AS stage WHERE stage.workflow_id = %(workflow_id)s::int
