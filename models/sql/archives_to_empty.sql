-- Archived workflows whose rows may be in the hot tables still.
-- Called by archives.to_empty. Index: archived_workflows_unemptied.
-- moves: nothing
SELECT archived.workflow_id FROM archived_workflows AS archived WHERE archived.emptied_at IS NULL
ORDER BY archived.workflow_id
