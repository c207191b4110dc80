-- Running workflows with outputs for scratch space whose owner has no token that is still good for so long.
-- Called by scratch.workflows_without_token. Index: workflows_unfinished, stages_workflow_id_stage_number_key,
-- stage_outputs_stage_id_pattern_id_key, scratch_tokens_pkey.
-- moves: nothing
SELECT workflow.workflow_id, token.expires_at
FROM workflows AS workflow
LEFT JOIN scratch_tokens AS token USING (user_id)
WHERE workflow.state = 'running'
  AND (token.expires_at IS NULL OR token.expires_at < clock_timestamp() + make_interval(secs => %(seconds)s))
  AND EXISTS (
      SELECT
      FROM stages AS stage
      JOIN stage_outputs AS output USING (stage_id)
      WHERE stage.workflow_id = workflow.workflow_id AND output.destination LIKE 'https://%%')
ORDER BY workflow.workflow_id
