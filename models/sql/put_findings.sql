-- Keep what a pass found.
-- Called by reconciliation.settle. Index: integrity_findings_same.
-- moves: nothing
INSERT INTO integrity_findings AS known (workflow_id, pass_number, kind, did, place, dataset, file_id, expected, found,
                                         repairable, remedy)
SELECT %(workflow_id)s, %(pass_number)s, told.kind, told.did, told.place, told.dataset, told.file_id, told.expected,
       told.found, told.repairable, told.remedy
FROM jsonb_to_recordset(%(findings)s::jsonb) AS told (
    kind text, did text, place text, dataset text, file_id bigint, expected text, found text, repairable boolean,
    remedy text)
ON CONFLICT (workflow_id, pass_number, did, kind, place, dataset) DO UPDATE
SET found = EXCLUDED.found, repairable = EXCLUDED.repairable, remedy = EXCLUDED.remedy
