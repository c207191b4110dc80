-- What a job was told of its logs.
-- Called by log_archives.offered. Index: log_archives_pkey.
-- moves: nothing
SELECT did, state, offers, targets
FROM log_archives
WHERE job_id = %(job_id)s
