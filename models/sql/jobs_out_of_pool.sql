-- Note that the pool holds these jobs no more.
-- Called by watching.left_pool. Index: jobs_pkey.
-- moves: nothing
UPDATE jobs SET in_pool = false WHERE job_id = ANY(%(job_ids)s::bigint[]) AND in_pool
