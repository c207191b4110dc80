-- The copies of a page of files of a workflow.
-- Called by models/queries/files.py. Index: replicas_pkey.
-- moves: nothing
SELECT file.did, storage.name, replica.wan_pfn, replica.lan_pfn
FROM files AS file
JOIN replicas AS replica USING (file_id)
JOIN storages AS storage USING (storage_id)
WHERE file.file_id = ANY(%(file_ids)s)
ORDER BY file.file_id, storage.name
