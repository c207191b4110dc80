-- What a jobscript did, as the wrapper measured it.
-- Called by models/reports.py at record_results. Index: jobs_pkey.
-- moves: nothing
UPDATE jobs
SET jobscript_exit = %(jobscript_exit)s, jobscript_start = %(jobscript_start)s, jobscript_finish = %(jobscript_finish)s,
    real_seconds = %(real_seconds)s, cpu_seconds = %(cpu_seconds)s, max_rss_bytes = %(max_rss_bytes)s,
    processed_files = %(processed_files)s, heartbeat_at = clock_timestamp()
WHERE job_id = %(job_id)s
