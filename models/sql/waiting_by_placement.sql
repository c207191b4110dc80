-- How many files of a stage wait, by the set of storages from which they can be read; or whether one file does.
-- Called by queries/why_not.py. Index: files_waiting, or files_input for one file.
-- moves: nothing
SELECT coalesce(placement.storage_ids, '{}'), counted.files
FROM (
    SELECT file.placement_id, count(*) AS files
    FROM files AS file
    WHERE file.stage_id = %(stage_id)s AND file.state = 'unallocated' AND (%(did)s::text IS NULL OR file.did = %(did)s)
    GROUP BY file.placement_id
) AS counted
LEFT JOIN placements AS placement ON placement.placement_id = counted.placement_id
ORDER BY counted.files DESC
