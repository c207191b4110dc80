-- The stages that jobs at a site could serve, each with how far its nearest waiting file is; the nearest first.
-- Called by models/ranks.py when a pilot asks, once a minute for each site. Index: sites_name_key,
-- workflows_unfinished, distances_nearest, stage_placements_pkey, files_waiting.
-- moves: nothing
SELECT workflow.workflow_id, stage.stage_number, workflow.priority, near.distance
FROM sites AS site
CROSS JOIN workflows AS workflow
JOIN stages AS stage ON stage.workflow_id = workflow.workflow_id
JOIN users AS owner ON owner.user_id = workflow.user_id
JOIN scopes AS scope ON scope.name = workflow.scope
JOIN quotas AS quota ON quota.quota_id = scope.quota_id
LEFT JOIN stage_loads AS stage_load ON stage_load.stage_id = stage.stage_id
LEFT JOIN quota_loads AS quota_load ON quota_load.quota_id = quota.quota_id
CROSS JOIN LATERAL (
    SELECT distance.distance
    FROM distances AS distance
    JOIN storages AS storage ON storage.storage_id = distance.storage_id
                            AND storage.rucio_read AND storage.enabled_read
    JOIN stage_placements AS placement ON placement.stage_id = stage.stage_id
                                      AND placement.storage_id = distance.storage_id
    WHERE distance.site_id = site.site_id AND distance.distance <= stage.max_distance AND NOT distance.unreadable
      AND EXISTS (
          SELECT FROM files AS file
          WHERE file.stage_id = stage.stage_id AND file.placement_id = placement.placement_id
            AND file.state = 'unallocated')
      AND (NOT EXISTS (SELECT FROM stage_storages AS chosen
                       WHERE chosen.stage_id = stage.stage_id AND chosen.for_input)
           OR EXISTS (SELECT FROM stage_storages AS chosen
                      WHERE chosen.stage_id = stage.stage_id AND chosen.for_input
                        AND chosen.storage_id = storage.storage_id))
    ORDER BY distance.distance
    LIMIT 1
) AS near
WHERE site.name = %(site_name)s AND /* filters */
ORDER BY near.distance, workflow.priority DESC, workflow.workflow_id, stage.stage_number
LIMIT %(limit)s
