-- Keep the newest state of a log of a job, compressed by the caller.
-- Called by models/reports.py at heartbeats and at the end of a job. Index: job_logs_pkey.
-- moves: nothing
INSERT INTO job_logs (job_id, kind, content, size_bytes)
VALUES (%(job_id)s, %(kind)s, %(content)s, %(size_bytes)s)
ON CONFLICT (job_id, kind) DO UPDATE
SET content = EXCLUDED.content, size_bytes = EXCLUDED.size_bytes, saved_at = clock_timestamp()
