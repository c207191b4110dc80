-- The datasets for logs of some periods that have been made.
-- Called by log_datasets.made. Index: log_datasets_pkey.
-- moves: nothing
SELECT period, storage_id
FROM log_datasets
WHERE period = ANY(%(periods)s::bigint[])
