-- The uploaded outputs of jobs that lie in scratch space.
-- Called by results.keep_scratch, which has the jobs locked. Index: files_made, scratch_files_pkey.
-- moves: nothing
SELECT file.file_id
FROM files AS file
JOIN scratch_files AS scratch USING (file_id)
WHERE file.creator_job_id = ANY(%(job_ids)s::bigint[]) AND file.state = 'uploaded'
ORDER BY file.file_id
