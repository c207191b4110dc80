-- Keep where a job may put its logs, to be told again when the job asks again.
-- Called by log_archives.offer. Index: log_archives_pkey.
-- moves: nothing
UPDATE log_archives
SET targets = %(targets)s
WHERE job_id = %(job_id)s AND state = 'offered'
RETURNING job_id
