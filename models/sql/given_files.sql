-- The inputs that a job was given and has not given back, with every address of theirs.
-- Called by models/reports.py for get_allocated_files, samweb and record_results. Index: files_held.
-- moves: nothing
SELECT file.file_id, file.did, file.state,
       ARRAY(SELECT address
             FROM replicas AS replica, LATERAL (VALUES (replica.wan_pfn), (replica.lan_pfn)) AS pfns (address)
             WHERE replica.file_id = file.file_id AND address IS NOT NULL)
FROM files AS file
WHERE file.stage_id = %(stage_id)s AND file.job_id = %(job_id)s AND file.state IN ('allocated', 'outputting')
ORDER BY file.file_id
