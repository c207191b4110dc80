-- All outputs of jobs are known to the catalogues.
-- Called by outbox.finish_jobs, which has locked the jobs. Index: outbox_job.
-- moves: outbox, waiting -> done
UPDATE outbox AS item
SET state = 'done', leased_until = NULL, last_error = '', done_at = clock_timestamp()
FROM files AS file
WHERE item.job_id = ANY(%(job_ids)s::bigint[]) AND item.state = 'waiting' AND file.file_id = item.file_id
RETURNING item.job_id, item.file_id, file.stage_id
