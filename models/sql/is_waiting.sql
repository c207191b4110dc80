-- Whether a file waits that a job could have, locked by somebody or not.
-- Called by matching.claim_files before it answers "none". Index: waiting_replicas_pkey.
-- moves: nothing
SELECT EXISTS (
    SELECT
    FROM jobs AS job
    JOIN stages AS stage ON stage.stage_id = job.stage_id
    JOIN distances AS distance ON distance.site_id = job.site_id AND distance.distance <= stage.max_distance
    JOIN storages AS storage ON storage.storage_id = distance.storage_id
                            AND storage.rucio_read AND storage.enabled_read
    JOIN waiting_replicas AS waiting ON waiting.stage_id = job.stage_id AND waiting.storage_id = distance.storage_id
    WHERE job.job_id = %(job_id)s
      AND (NOT EXISTS (SELECT FROM stage_storages AS only WHERE only.stage_id = stage.stage_id AND only.for_input)
           OR EXISTS (SELECT FROM stage_storages AS only
                      WHERE only.stage_id = stage.stage_id AND only.for_input
                        AND only.storage_id = distance.storage_id))
)
