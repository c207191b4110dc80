-- A page of the outputs that a dataset holds in both catalogues since before a time, by name.
-- Called by reconciliation.expected_members. Index: files_output, outbox_file_id_key.
-- moves: nothing
SELECT file.file_id, file.did
FROM files AS file
JOIN outbox AS item ON item.file_id = file.file_id AND item.state = 'done' AND item.done_at < %(before)s
WHERE file.workflow_id = %(workflow_id)s AND file.creator_job_id IS NOT NULL AND file.state <> 'dropped'
  AND file.did > %(after)s AND file.output_id = %(output_id)s
  AND CASE %(kind)s WHEN 'rse' THEN item.storage_id = %(storage_id)s::int
                    WHEN 'numbered' THEN item.dataset_number = %(number)s::int
                    ELSE true END
ORDER BY file.did
LIMIT %(limit)s
