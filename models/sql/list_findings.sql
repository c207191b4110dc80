-- What was found wrong with a workflow's outputs, in the newest whole pass.
-- Called by models/queries/integrity.py. Index: integrity_findings_same.
-- moves: nothing
SELECT finding_id, kind, did, place, dataset, expected, found,
       CASE WHEN repaired_at IS NULL THEN remedy ELSE '' END, found_at, repaired_at
FROM integrity_findings AS finding
JOIN integrity_checks AS state USING (workflow_id)
-- While a pass is under way, those of the last whole one.
WHERE finding.pass_number = state.pass_number - (state.phase <> '')::int
  AND finding.workflow_id = %(workflow_id)s AND finding.finding_id > %(after)s
ORDER BY finding.finding_id
LIMIT %(limit)s
