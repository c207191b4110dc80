-- A file that waits and that a job could have, locked by somebody or not.
-- Called by matching.claim_files before it answers "none". Index: files_waiting.
-- moves: nothing
SELECT waiting.file_id
FROM jobs AS job
JOIN stages AS stage ON stage.stage_id = job.stage_id
JOIN distances AS distance ON distance.site_id = job.site_id AND distance.distance <= stage.max_distance
                          AND NOT distance.unreadable
JOIN storages AS storage ON storage.storage_id = distance.storage_id
                        AND storage.rucio_read AND storage.enabled_read
JOIN stage_placements AS placement ON placement.stage_id = job.stage_id
                                  AND placement.storage_id = distance.storage_id
CROSS JOIN LATERAL (
    SELECT file.file_id FROM files AS file
    WHERE file.stage_id = job.stage_id AND file.placement_id = placement.placement_id
      AND file.state = 'unallocated'
    LIMIT 1
) AS waiting
WHERE job.job_id = %(job_id)s
  AND (NOT EXISTS (SELECT FROM stage_storages AS chosen WHERE chosen.stage_id = stage.stage_id AND chosen.for_input)
       OR EXISTS (SELECT FROM stage_storages AS chosen
                  WHERE chosen.stage_id = stage.stage_id AND chosen.for_input
                    AND chosen.storage_id = distance.storage_id))
LIMIT 1
