-- Note that nothing of an archived workflow is in the hot tables any more.
-- Called by emptying.empty. Index: archived_workflows_pkey.
-- moves: nothing
UPDATE archived_workflows AS archived SET emptied_at = clock_timestamp() WHERE archived.workflow_id = %(workflow_id)s::int
