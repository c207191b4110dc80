-- Take the check that has been due longest, or is the first since its workflow finished, and begin a pass unless one is
-- under way.
-- Called by reconciliation.take. Index: integrity_checks_due, integrity_checks_unfinished, workflows_pkey,
-- archived_workflows_pkey.
-- moves: nothing
WITH due AS (
    (SELECT workflow_id, next_check_at AS since
     FROM integrity_checks
     WHERE next_check_at <= clock_timestamp()
       AND (leased_until IS NULL OR leased_until <= clock_timestamp())
     ORDER BY next_check_at
     LIMIT 10)
    UNION ALL
    (SELECT state.workflow_id, workflow.finished_at
     FROM integrity_checks AS state
     JOIN workflows AS workflow USING (workflow_id)
     WHERE state.final_passes = 0 AND workflow.state = 'finished' AND state.failures = 0
       AND (state.leased_until IS NULL OR state.leased_until <= clock_timestamp())
     LIMIT 10)
),
mine AS (
    SELECT state.workflow_id
    FROM integrity_checks AS state
    JOIN (SELECT workflow_id, min(since) AS since FROM due GROUP BY workflow_id) AS due USING (workflow_id)
    -- Asked again of the locked row: another may have taken and done it meanwhile.
    WHERE (state.leased_until IS NULL OR state.leased_until <= clock_timestamp())
      AND (state.next_check_at <= clock_timestamp() OR state.final_passes = 0)
      -- Of an archived workflow some rows may have left these tables already.
      AND NOT EXISTS (SELECT FROM archived_workflows AS archived WHERE archived.workflow_id = state.workflow_id)
    ORDER BY due.since
    LIMIT 1
    FOR NO KEY UPDATE OF state SKIP LOCKED
)
UPDATE integrity_checks AS state
SET holder = %(holder)s, leased_until = clock_timestamp() + make_interval(secs => %(seconds)s),
    pass_number = state.pass_number + (state.phase = '')::int,
    started_at = CASE WHEN state.phase = '' THEN clock_timestamp() ELSE state.started_at END,
    files = CASE WHEN state.phase = '' THEN 0 ELSE state.files END,
    mark = CASE WHEN state.phase = '' THEN '' ELSE state.mark END,
    phase = CASE WHEN state.phase = '' THEN 'datasets' ELSE state.phase END
FROM mine
WHERE state.workflow_id = mine.workflow_id
RETURNING state.workflow_id, state.pass_number, state.phase, state.mark, state.holder
