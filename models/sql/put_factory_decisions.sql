-- What the job factory decided for each running stage, over what it decided before.
-- Called by demand.put_decisions once a cycle. Index: factory_decisions_pkey.
-- moves: nothing
WITH told AS (
    SELECT *
    FROM jsonb_to_recordset(%(decisions)s::jsonb) AS decision (
        stage_id integer, waiting_files integer, queued_jobs integer, running_jobs integer, files_per_job float8,
        success_rate float8, wanted_jobs integer, submitted_jobs integer, limited_by text, sentence text,
        sites text[], entries text[])
)
INSERT INTO factory_decisions AS known (stage_id, decided_at, waiting_files, queued_jobs, running_jobs, files_per_job,
                                        success_rate, wanted_jobs, submitted_jobs, limited_by, sentence, sites, entries)
SELECT stage_id, clock_timestamp(), waiting_files, queued_jobs, running_jobs, files_per_job, success_rate, wanted_jobs,
       submitted_jobs, limited_by, sentence, sites, entries
FROM told
-- In order, so that two of these do not wait for each other.
ORDER BY stage_id
ON CONFLICT (stage_id) DO UPDATE
SET decided_at = excluded.decided_at, waiting_files = excluded.waiting_files, queued_jobs = excluded.queued_jobs,
    running_jobs = excluded.running_jobs, files_per_job = excluded.files_per_job, success_rate = excluded.success_rate,
    wanted_jobs = excluded.wanted_jobs, submitted_jobs = excluded.submitted_jobs, limited_by = excluded.limited_by,
    sentence = excluded.sentence,
    -- Those that were queued before may still run where they might then.
    sites = CASE WHEN excluded.queued_jobs = 0 THEN excluded.sites
                 WHEN excluded.submitted_jobs = 0 THEN known.sites
                 ELSE ARRAY(SELECT DISTINCT unnest(known.sites || excluded.sites) ORDER BY 1) END,
    entries = CASE WHEN excluded.queued_jobs = 0 THEN excluded.entries
                   WHEN excluded.submitted_jobs = 0 THEN known.entries
                   ELSE ARRAY(SELECT DISTINCT unnest(known.entries || excluded.entries) ORDER BY 1) END
