-- The outputs that a job recorded and has not confirmed, as it was told of them.
-- Called by results.recorded_outputs. Index: files_made.
-- moves: nothing
SELECT file.file_id, file.did, file.size_bytes, file.adler32, said.targets
FROM files AS file
JOIN recorded_outputs AS said USING (file_id)
WHERE file.creator_job_id = %(job_id)s AND file.state = 'recorded'
ORDER BY file.file_id
