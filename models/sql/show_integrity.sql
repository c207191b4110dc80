-- A workflow's badge.
-- Called by models/queries/integrity.py. Index: integrity_checks_pkey.
-- moves: nothing
SELECT workflow_id, badge, reason, checked_at, phase <> '' OR next_check_at <= clock_timestamp(), next_check_at, files
FROM integrity_checks
WHERE workflow_id = %(workflow_id)s
