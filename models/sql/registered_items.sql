-- What the catalogues were told of some outputs.
-- Called by reconciliation.items. Index: outbox_file_id_key, files_pkey, jobs_pkey.
-- moves: nothing
SELECT file.output_id, item.outbox_id, item.file_id, file.did, file.size_bytes, file.adler32, item.storage_id,
       storage.name, item.pfn, coalesce(item.file_metadata, '{}'), coalesce(item.parents, '[]'), item.job_id,
       job.jobsub_id, item.attempts, item.dataset_number
FROM outbox AS item
JOIN files AS file USING (file_id)
JOIN storages AS storage ON storage.storage_id = item.storage_id
JOIN jobs AS job ON job.job_id = item.job_id
WHERE item.file_id = ANY(%(file_ids)s::bigint[])
ORDER BY file.did
