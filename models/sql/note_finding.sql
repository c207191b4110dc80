-- Tell the owner of a running workflow why its files are not found yet.
-- Called by finding.note. Index: workflows_pkey.
-- moves: nothing
UPDATE workflows
SET state_message = %(message)s
WHERE workflow_id = %(workflow_id)s AND state = 'running' AND state_message <> %(message)s
