-- Lock an archived workflow that is to be emptied: two agents take turns. Returns the last event that the object holds.
-- Called by emptying.empty. Index: archived_workflows_pkey.
-- moves: nothing
SELECT (archived.counts ->> 'last_event_id')::bigint
FROM archived_workflows AS archived
WHERE archived.workflow_id = %(workflow_id)s::int AND archived.emptied_at IS NULL
FOR NO KEY UPDATE
