-- A page of the names of a workflow's dropped outputs that no other output has now, each with the newest that had it.
-- Called by reconciliation.dropped. Index: files_dropped, files_output, jobs_pkey.
-- moves: nothing
SELECT DISTINCT ON (file.did) file.file_id, file.did, file.size_bytes, file.adler32, job.jobsub_id
FROM files AS file
JOIN jobs AS job ON job.job_id = file.creator_job_id
WHERE file.workflow_id = %(workflow_id)s AND file.creator_job_id IS NOT NULL AND file.state = 'dropped'
  AND file.did > %(after)s
  AND NOT EXISTS (SELECT FROM files AS other
                  WHERE other.workflow_id = file.workflow_id AND other.did = file.did
                    AND other.creator_job_id IS NOT NULL AND other.state <> 'dropped')
ORDER BY file.did, file.file_id DESC
LIMIT %(limit)s
