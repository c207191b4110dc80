-- A workflow's datasets, with what is to be expected of them now; `expired` is past the life of what keeps the files.
-- Called by reconciliation.datasets. Index: ix_datasets_workflow_id.
-- moves: nothing
SELECT dataset.dataset_id, dataset.scope || ':' || dataset.name, dataset.kind, dataset.output_id, dataset.storage_id,
       dataset.number, dataset.closed_at IS NOT NULL, workflow.state,
       -- An hour before its time nobody knows whether it is over: the rule was made before the dataset was noted.
       coalesce(dataset.created_at + make_interval(secs => output.lifetime_seconds - 3600) < clock_timestamp(), false)
FROM datasets AS dataset
JOIN workflows AS workflow USING (workflow_id)
JOIN stage_outputs AS output ON output.output_id = dataset.output_id
WHERE dataset.workflow_id = %(workflow_id)s AND dataset.dataset_id > %(after)s
ORDER BY dataset.dataset_id
LIMIT %(limit)s
