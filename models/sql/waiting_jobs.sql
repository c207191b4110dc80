-- Those of the jobs of whose outputs the catalogues are still to be told.
-- Called by outbox.refuse, which has locked the jobs. Index: outbox_job.
-- moves: nothing
SELECT DISTINCT job_id FROM outbox WHERE job_id = ANY(%(job_ids)s::bigint[]) AND state = 'waiting'
