-- Those of the files with which something is wrong that was not repaired in this pass.
-- Called by reconciliation.broken. Index: integrity_findings_same.
-- moves: nothing
SELECT did
FROM integrity_findings
WHERE workflow_id = %(workflow_id)s AND pass_number = %(pass_number)s AND repaired_at IS NULL AND dataset = ''
  AND did = ANY(%(dids)s)
