-- A person wants a workflow to be checked: from the beginning, unless that is already under way.
-- Called by reconciliation.ask. Index: integrity_checks_pkey.
-- moves: nothing
WITH asked AS (
    INSERT INTO integrity_checks AS state (workflow_id, badge, reason, pass_number, phase, mark, files, final_passes,
                                           failures, holder, asked_at)
    VALUES (%(workflow_id)s, 'unknown', '', 0, '', '', 0, 0, 0, '', clock_timestamp())
    ON CONFLICT (workflow_id) DO UPDATE
    SET asked_at = EXCLUDED.asked_at, next_check_at = clock_timestamp(),
        phase = CASE WHEN state.leased_until > clock_timestamp() THEN state.phase ELSE '' END
    RETURNING state.workflow_id, state.badge
)
INSERT INTO events (event_type, actor, source, workflow_id, campaign_id, details)
SELECT 'integrity_asked', %(actor)s, %(source)s, asked.workflow_id, workflow.campaign_id,
       jsonb_build_object('from', asked.badge, 'to', 'being checked') || coalesce(%(details)s::jsonb, '{}')
FROM asked
JOIN workflows AS workflow USING (workflow_id)
RETURNING event_id
