-- The system kept a file from a job that it asked for, whatever files there were.
-- Called by models/reports.py. Index: jobs_pkey.
-- moves: nothing
UPDATE jobs SET was_refused = true WHERE job_id = %(job_id)s AND NOT was_refused
