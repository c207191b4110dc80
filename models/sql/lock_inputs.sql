-- Lock the inputs that jobs hold, all at once and in the order of ids, and tell which have used up their attempts.
-- Called by models/results.py and models/outbox.py. Index: files_held.
-- moves: nothing
SELECT file.file_id, file.state, file.allocations >= stage.max_allocations
FROM jobs AS job
JOIN stages AS stage USING (stage_id)
JOIN files AS file ON file.stage_id = job.stage_id AND file.job_id = job.job_id
WHERE job.job_id = ANY(%(job_ids)s::bigint[]) AND file.state IN ('allocated', 'outputting')
ORDER BY file.file_id
FOR NO KEY UPDATE OF file
