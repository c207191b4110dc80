-- Keep a log of a job unless one of its kind is kept already.
-- Called by reports.note_log. Index: job_logs_pkey.
-- moves: nothing
INSERT INTO job_logs (job_id, kind, content, size_bytes)
VALUES (%(job_id)s, %(kind)s, %(content)s, %(size_bytes)s)
ON CONFLICT (job_id, kind) DO NOTHING
