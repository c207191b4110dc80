-- A pass waits for a service: what is known of the workflow is out of date until it answers.
-- Called by reconciliation.postpone. Index: integrity_checks_pkey.
-- moves: nothing
UPDATE integrity_checks
SET badge = 'unknown', reason = %(reason)s, failures = failures + 1, holder = '', leased_until = NULL,
    next_check_at = clock_timestamp()
                  + make_interval(secs => least(%(first_seconds)s * 2.0 ^ least(failures, 30), %(last_seconds)s))
WHERE workflow_id = %(workflow_id)s AND holder = %(holder)s AND leased_until IS NOT NULL
RETURNING workflow_id
