-- For each site, the first thing that keeps a stage's jobs from starting there, or null when nothing does.
-- Called by queries/why_not.py for a person who asks. Index: stages_pkey, distances_nearest, files_waiting.
-- moves: nothing
SELECT site.name,
       CASE /* branches */
            WHEN NOT EXISTS (
                SELECT FROM files AS file WHERE file.stage_id = stage.stage_id AND file.state = 'unallocated'
            ) THEN 'files_wait'
            WHEN near.distance IS NULL THEN 'in_reach' END AS filter,
       near.distance
FROM stages AS stage
JOIN workflows AS workflow ON workflow.workflow_id = stage.workflow_id
JOIN users AS owner ON owner.user_id = workflow.user_id
JOIN scopes AS scope ON scope.name = workflow.scope
JOIN quotas AS quota ON quota.quota_id = scope.quota_id
LEFT JOIN stage_loads AS stage_load ON stage_load.stage_id = stage.stage_id
LEFT JOIN quota_loads AS quota_load ON quota_load.quota_id = quota.quota_id
CROSS JOIN sites AS site
CROSS JOIN LATERAL (
    SELECT min(distance.distance) AS distance
    FROM distances AS distance
    JOIN storages AS storage ON storage.storage_id = distance.storage_id
                            AND storage.rucio_read AND storage.enabled_read
    JOIN stage_placements AS placement ON placement.stage_id = stage.stage_id
                                      AND placement.storage_id = distance.storage_id
    WHERE distance.site_id = site.site_id AND distance.distance <= stage.max_distance
      AND EXISTS (
          SELECT FROM files AS file
          WHERE file.stage_id = stage.stage_id AND file.placement_id = placement.placement_id
            AND file.state = 'unallocated')
      AND (NOT EXISTS (SELECT FROM stage_storages AS chosen
                       WHERE chosen.stage_id = stage.stage_id AND chosen.for_input)
           OR EXISTS (SELECT FROM stage_storages AS chosen
                      WHERE chosen.stage_id = stage.stage_id AND chosen.for_input
                        AND chosen.storage_id = storage.storage_id))
) AS near
WHERE stage.stage_id = %(stage_id)s
ORDER BY site.name
LIMIT %(limit)s
