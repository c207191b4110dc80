-- Keep how far a pass has come, and hold it longer; or leave the rest to a later cycle.
-- Called by reconciliation.keep_mark. Index: integrity_checks_pkey.
-- moves: nothing
UPDATE integrity_checks
SET phase = %(phase)s, mark = %(mark)s, files = files + %(files)s,
    next_check_at = CASE WHEN %(leave)s THEN clock_timestamp() ELSE next_check_at END,
    leased_until = CASE WHEN %(leave)s THEN NULL ELSE clock_timestamp() + make_interval(secs => %(seconds)s) END
WHERE workflow_id = %(workflow_id)s AND holder = %(holder)s AND leased_until IS NOT NULL
RETURNING workflow_id
