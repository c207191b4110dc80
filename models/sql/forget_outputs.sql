-- Outputs that were dropped: nothing is told of them any more, and their names and bytes count for nothing.
-- Called by results.drop_outputs. Index: recorded_outputs_pkey, replicas_pkey, scratch_files_pkey,
-- outbox_file_id_key.
-- moves: outbox, waiting -> refused
WITH unsaid AS (
    DELETE FROM recorded_outputs WHERE file_id = ANY(%(file_ids)s::bigint[])
),
unplaced AS (
    DELETE FROM replicas WHERE file_id = ANY(%(file_ids)s::bigint[])
),
unscratched AS (
    DELETE FROM scratch_files WHERE file_id = ANY(%(file_ids)s::bigint[])
)
UPDATE outbox
SET state = 'refused', last_error = %(message)s::text, leased_until = NULL, done_at = clock_timestamp()
WHERE file_id = ANY(%(file_ids)s::bigint[]) AND state = 'waiting'
