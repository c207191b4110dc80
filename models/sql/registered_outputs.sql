-- A page of a workflow's outputs that the catalogues were told of, by name; none of them is on its way any more.
-- Called by reconciliation.registered. Index: files_output, outbox_file_id_key.
-- moves: nothing
SELECT file.file_id, file.did
FROM files AS file
JOIN outbox AS item ON item.file_id = file.file_id AND item.state = 'done'
WHERE file.workflow_id = %(workflow_id)s AND file.creator_job_id IS NOT NULL AND file.state <> 'dropped'
  AND file.did > %(after)s
ORDER BY file.did
LIMIT %(limit)s
