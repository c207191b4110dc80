-- The stages that a slot can serve now, best first: nearest waiting files, then files for everybody, then priority,
-- then the quota that has least for its share, then age.
-- Called by matching.choose_stages at slot start. Index: workflows_unfinished, and files_waiting, probed for each stage
-- under each storage in reach until one has a file.
-- moves: nothing
SELECT stage.stage_id, near.distance
FROM workflows AS workflow
JOIN stages AS stage ON stage.workflow_id = workflow.workflow_id
JOIN users AS "user" ON "user".user_id = workflow.user_id AND "user".enabled
JOIN scopes AS scope ON scope.name = workflow.scope AND scope.enabled
JOIN quotas AS quota ON quota.quota_id = scope.quota_id AND quota.enabled
LEFT JOIN stage_loads AS stage_load ON stage_load.stage_id = stage.stage_id
LEFT JOIN quota_loads AS quota_load ON quota_load.quota_id = quota.quota_id
CROSS JOIN LATERAL (
    SELECT distance.distance
    FROM distances AS distance
    JOIN storages AS storage ON storage.storage_id = distance.storage_id
                            AND storage.rucio_read AND storage.enabled_read
    WHERE distance.site_id = %(site_id)s AND distance.distance <= stage.max_distance
      AND EXISTS (
          SELECT FROM stage_placements AS placement
          CROSS JOIN LATERAL (
              SELECT FROM files AS file
              WHERE file.stage_id = stage.stage_id AND file.placement_id = placement.placement_id
                AND file.state = 'unallocated'
              LIMIT 1
          ) AS waiting
          WHERE placement.stage_id = stage.stage_id AND placement.storage_id = distance.storage_id
      )
      AND (NOT EXISTS (SELECT FROM stage_storages AS chosen WHERE chosen.stage_id = stage.stage_id AND chosen.for_input)
           OR EXISTS (SELECT FROM stage_storages AS chosen
                      WHERE chosen.stage_id = stage.stage_id AND chosen.for_input
                        AND chosen.storage_id = distance.storage_id))
    ORDER BY distance.distance
    LIMIT 1
) AS near
CROSS JOIN LATERAL (
    -- Jobs that were sent there and have not asked yet will take as many.
    SELECT count(*) > COALESCE(stage_load.unasked_jobs, 0) AS for_one_more
    FROM (SELECT FROM files AS file
          WHERE file.stage_id = stage.stage_id AND file.state = 'unallocated'
          LIMIT COALESCE(stage_load.unasked_jobs, 0) + 1) AS counted
) AS files
WHERE workflow.state = 'running'
  AND (%(quota_id)s::bigint IS NULL OR quota.quota_id = %(quota_id)s)
  AND stage.processors <= %(processors)s
  AND stage.rss_bytes <= %(rss_bytes)s
  AND stage.wall_seconds <= %(wall_seconds)s
  AND (stage.image = '' OR %(has_inner_apptainer)s)
  AND stage.gpus <= %(gpus)s
  AND (stage.gpus > 0 OR %(gpus)s = 0 OR %(lend_gpus)s)
  AND (stage.gpus = 0 OR (
      COALESCE(stage.gpu_memory_bytes, 0) <= %(gpu_memory_bytes)s
      AND COALESCE(stage.gpu_min_capability, 0) <= %(gpu_lowest_capability)s::numeric
      AND COALESCE(stage.gpu_max_capability, 1000) >= %(gpu_highest_capability)s::numeric
      AND COALESCE(stage.gpu_min_runtime, 0) <= %(gpu_runtime)s::numeric
      AND (stage.gpu_model = '' OR NOT EXISTS (
          SELECT FROM unnest(%(gpu_names)s::text[]) AS name
          WHERE name NOT LIKE replace(replace(stage.gpu_model, '_', '\_'), '*', '%%')))))
  AND COALESCE(quota_load.running_jobs, 0) < quota.max_running_jobs
  AND (stage.max_jobs IS NULL OR COALESCE(stage_load.running_jobs, 0) < stage.max_jobs)
  AND (NOT EXISTS (SELECT FROM stage_sites AS chosen WHERE chosen.stage_id = stage.stage_id)
       OR EXISTS (SELECT FROM stage_sites AS chosen
                  WHERE chosen.stage_id = stage.stage_id AND chosen.site_id = %(site_id)s))
ORDER BY NOT files.for_one_more, near.distance, workflow.priority DESC,
         COALESCE(quota_load.running_jobs, 0) / quota.share, workflow.workflow_id, stage.stage_number
LIMIT %(limit)s
