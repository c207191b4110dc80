-- The sealed token of a user, or of the owner of a workflow, and how long it is still good for.
-- Called by models/scratch.py. Index: workflows_pkey, scratch_tokens_pkey.
-- moves: nothing
SELECT token.sealed, token.expires_at, token.set_at,
       EXTRACT(EPOCH FROM token.expires_at - clock_timestamp())::float8
FROM scratch_tokens AS token
WHERE token.user_id = COALESCE(
    %(user_id)s::int,
    (SELECT workflow.user_id FROM workflows AS workflow WHERE workflow.workflow_id = %(workflow_id)s::int))
