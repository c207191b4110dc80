-- What the job factory decided for a stage when it last looked at it.
-- Called by queries/why_not.py. Index: factory_decisions_pkey.
-- moves: nothing
SELECT decided_at, waiting_files, queued_jobs, running_jobs, files_per_job, success_rate, wanted_jobs, submitted_jobs,
       limited_by, sentence, sites
FROM factory_decisions
WHERE stage_id = %(stage_id)s
