-- What a second look at the same things did not find any more: what we can repair is repaired, and logged; the rest was
-- passing.
-- Called by reconciliation.settle. Index: integrity_findings_same.
-- moves: nothing
WITH gone AS (
    SELECT finding.finding_id, finding.repairable
    FROM integrity_findings AS finding
    WHERE finding.workflow_id = %(workflow_id)s AND finding.pass_number = %(pass_number)s
      AND finding.repaired_at IS NULL AND finding.kind = ANY(%(kinds)s) AND finding.dataset = %(dataset)s
      AND (%(dataset)s <> '' OR finding.did = ANY(%(dids)s))
      AND NOT EXISTS (SELECT
                      FROM jsonb_to_recordset(%(findings)s::jsonb) AS still (kind text, did text, place text)
                      WHERE (still.kind, still.did, still.place) = (finding.kind, finding.did, finding.place))
),
passing AS (
    DELETE FROM integrity_findings AS finding
    USING gone
    WHERE finding.finding_id = gone.finding_id AND NOT gone.repairable
),
repaired AS (
    UPDATE integrity_findings AS finding
    SET repaired_at = clock_timestamp()
    FROM gone
    WHERE finding.finding_id = gone.finding_id AND gone.repairable
    RETURNING finding.*
)
INSERT INTO events (event_type, actor, workflow_id, campaign_id, file_id, storage_id, details)
SELECT 'integrity_repaired', 'reconciler', repaired.workflow_id, workflow.campaign_id, repaired.file_id,
       storage.storage_id,
       jsonb_strip_nulls(jsonb_build_object('kind', repaired.kind, 'did', repaired.did, 'place', repaired.place,
                                            'dataset', nullif(repaired.dataset, ''), 'from', repaired.found,
                                            'to', repaired.expected))
FROM repaired
JOIN workflows AS workflow USING (workflow_id)
LEFT JOIN storages AS storage ON storage.name = repaired.place
ORDER BY repaired.finding_id
RETURNING event_id
