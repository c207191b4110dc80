-- Keep that a dataset for logs has been made.
-- Called by log_datasets.remember. Index: log_datasets_pkey.
-- moves: nothing
INSERT INTO log_datasets (period, storage_id)
VALUES (%(period)s, %(storage_id)s)
ON CONFLICT DO NOTHING
