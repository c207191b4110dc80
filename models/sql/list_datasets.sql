-- The datasets of a workflow's outputs.
-- Called by models/queries/files.py. Index: ix_datasets_workflow_id.
-- moves: nothing
SELECT dataset.scope || ':' || dataset.name, dataset.kind, stage.stage_number, output.pattern_id, storage.name,
       dataset.files, dataset.closed_at
FROM datasets AS dataset
JOIN stages AS stage ON stage.stage_id = dataset.stage_id
JOIN stage_outputs AS output ON output.output_id = dataset.output_id
LEFT JOIN storages AS storage ON storage.storage_id = dataset.storage_id
WHERE dataset.workflow_id = %(workflow_id)s
ORDER BY stage.stage_number, output.pattern_id, dataset.dataset_id
LIMIT %(limit)s
