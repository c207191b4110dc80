-- Registered outputs count in the datasets that hold them.
-- Called by outbox.finish_jobs. Index: outbox_file_id_key, ix_datasets_workflow_id.
-- moves: nothing
WITH held AS (
    SELECT dataset.dataset_id
    FROM outbox AS item
    JOIN files AS file USING (file_id)
    JOIN datasets AS dataset ON dataset.workflow_id = item.workflow_id AND dataset.output_id = file.output_id
    WHERE item.file_id = ANY(%(file_ids)s::bigint[])
      AND CASE dataset.kind WHEN 'rse' THEN dataset.storage_id = item.storage_id
                            WHEN 'numbered' THEN dataset.number = item.dataset_number
                            ELSE true END
),
counted AS MATERIALIZED (
    SELECT dataset.dataset_id, fresh.files
    FROM datasets AS dataset
    JOIN (SELECT dataset_id, count(*) AS files FROM held GROUP BY dataset_id) AS fresh USING (dataset_id)
    ORDER BY dataset.dataset_id
    FOR NO KEY UPDATE OF dataset
)
UPDATE datasets AS dataset
SET files = dataset.files + counted.files
FROM counted
WHERE dataset.dataset_id = counted.dataset_id
