-- The outputs of jobs that are in some states.
-- Called by models/results.py and models/outbox.py. Index: files_made.
-- moves: nothing
SELECT file_id, did
FROM files
WHERE creator_job_id = ANY(%(job_ids)s::bigint[]) AND state = ANY(%(states)s::text[])
ORDER BY file_id
