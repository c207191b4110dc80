-- A job lives; the answer is the state of its workflow.
-- Called by models/reports.py at every heartbeat. Touches no index: the update is in place (HOT).
-- moves: nothing
UPDATE jobs
SET heartbeat_at = clock_timestamp()
WHERE job_id = %(job_id)s
RETURNING (SELECT workflow.state FROM workflows AS workflow WHERE workflow.workflow_id = jobs.workflow_id)
