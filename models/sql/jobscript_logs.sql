-- What the jobscripts of some jobs wrote, as far as it is kept, compressed.
-- Called by models/problems.py. Index: job_logs_pkey.
-- moves: nothing
SELECT content FROM job_logs WHERE job_id = ANY(%(job_ids)s::bigint[]) AND kind = 'jobscript' ORDER BY job_id DESC
