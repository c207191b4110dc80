-- The logs of a job lie where it says: they are to be told to the catalogues.
-- Called by log_archives.confirm, with the job locked. Index: log_archives_pkey.
-- moves: logs, offered -> waiting
UPDATE log_archives
SET state = 'waiting', targets = NULL, storage_id = %(storage_id)s, pfn = %(pfn)s, size_bytes = %(size_bytes)s,
    adler32 = %(adler32)s, next_attempt_at = clock_timestamp(),
    period = floor(extract(epoch FROM clock_timestamp()) / %(period_seconds)s)::bigint * %(period_seconds)s
WHERE job_id = %(job_id)s AND state = 'offered'
RETURNING job_id
