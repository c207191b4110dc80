-- The datasets of a workflow that are not closed yet.
-- Called by datasets.open_of. Index: ix_datasets_workflow_id.
-- moves: nothing
SELECT dataset_id, scope || ':' || name
FROM datasets
WHERE workflow_id = %(workflow_id)s AND closed_at IS NULL
ORDER BY dataset_id
