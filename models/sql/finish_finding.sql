-- A workflow's files were looked for: when to look next. The last time is at the end that the user gave, or after it.
-- Called by finding.finish. Index: workflows_pkey. A search that began earlier than one that is noted changes nothing.
-- moves: nothing
UPDATE workflows
SET refind_next_at = CASE
        WHEN refind_interval_seconds IS NULL OR refind_until <= %(began_at)s THEN NULL
        ELSE least(clock_timestamp() + make_interval(secs => refind_interval_seconds), refind_until) END,
    state_message = CASE WHEN state = 'running' THEN '' ELSE state_message END
WHERE workflow_id = %(workflow_id)s AND refind_next_at <= %(began_at)s
RETURNING refind_next_at
