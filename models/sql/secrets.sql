-- The two secrets of a job.
-- Called by models/calls.py, once in a while for a job that asks for files. Index: jobs_jobsub_id_key.
-- moves: nothing
SELECT secret, jobscript_secret FROM jobs WHERE jobsub_id = %(jobsub_id)s
