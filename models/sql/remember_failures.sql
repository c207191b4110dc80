-- Remember where files came back unprocessed, so that they are tried elsewhere next.
-- Called by results.release_files. Index: files_pkey.
-- moves: nothing
UPDATE files AS file
SET failed_site_id = job.site_id, failed_host = job.hostname
FROM jobs AS job
WHERE file.file_id = ANY(%(file_ids)s::bigint[]) AND job.job_id = file.job_id
