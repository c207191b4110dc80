-- A pass is over: give the workflow its badge, forget what earlier passes found, say when to look again, and log it.
-- What was repaired is looked at soon again. A finished workflow is checked ever more rarely.
-- Called by reconciliation.end. Index: integrity_checks_pkey, integrity_findings_same, workflows_pkey.
-- moves: nothing
WITH mine AS (
    SELECT state.*, workflow.state = 'finished' AND workflow.finished_at <= state.started_at AS final,
           workflow.campaign_id
    FROM integrity_checks AS state
    LEFT JOIN workflows AS workflow USING (workflow_id)
    WHERE state.workflow_id = %(workflow_id)s AND state.holder = %(holder)s AND state.leased_until IS NOT NULL
    FOR NO KEY UPDATE OF state
),
told AS (
    SELECT mine.workflow_id, count(finding.finding_id) AS found, count(finding.repaired_at) AS repaired,
           CASE WHEN count(finding.finding_id) = 0 THEN 'ok'
                WHEN count(finding.finding_id) = count(finding.repaired_at) THEN 'repaired'
                ELSE 'damaged' END AS badge
    FROM mine
    LEFT JOIN integrity_findings AS finding USING (workflow_id, pass_number)
    GROUP BY mine.workflow_id
),
forgotten AS (
    DELETE FROM integrity_findings AS finding
    USING mine
    WHERE finding.workflow_id = mine.workflow_id AND finding.pass_number < mine.pass_number
),
logged AS (
    INSERT INTO events (event_type, actor, workflow_id, campaign_id, seconds, details)
    SELECT 'integrity_checked', 'reconciler', mine.workflow_id, mine.campaign_id,
           extract(epoch FROM clock_timestamp() - mine.started_at),
           jsonb_build_object('from', mine.badge, 'to', told.badge, 'files', mine.files, 'findings', told.found,
                              'repaired', told.repaired)
    FROM mine
    JOIN told USING (workflow_id)
)
UPDATE integrity_checks AS state
SET badge = told.badge, reason = '', checked_at = clock_timestamp(), phase = '', mark = '', failures = 0, holder = '',
    leased_until = NULL, final_passes = mine.final_passes + coalesce(mine.final, false)::int,
    next_check_at = CASE
        WHEN mine.asked_at > mine.started_at THEN clock_timestamp()
        ELSE clock_timestamp() + make_interval(secs => CASE
            WHEN told.badge = 'repaired' THEN %(verify_seconds)s
            WHEN NOT coalesce(mine.final, false) THEN %(running_seconds)s
            ELSE least(%(finished_seconds)s * 2.0 ^ least(mine.final_passes, 30), %(rarest_seconds)s) END) END
FROM mine
JOIN told USING (workflow_id)
WHERE state.workflow_id = mine.workflow_id
RETURNING told.badge, mine.files, told.found, told.repaired
