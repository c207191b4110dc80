-- The stages that a slot can serve now with files in reach, best first: files for one more job, nearest waiting files, then priority,
-- then the quota that has least for its share, then age.
-- Called by matching.choose_stages at slot start. Index: workflows_unfinished, and files_waiting, probed for each stage
-- under each storage in reach until one has a file.
-- moves: nothing
SELECT stage.stage_id, near.distance, waiting.files > coalesce(stage_load.unasked_jobs, 0)
FROM sites AS site
CROSS JOIN workflows AS workflow
JOIN stages AS stage ON stage.workflow_id = workflow.workflow_id
JOIN users AS owner ON owner.user_id = workflow.user_id
JOIN scopes AS scope ON scope.name = workflow.scope
JOIN quotas AS quota ON quota.quota_id = scope.quota_id
LEFT JOIN stage_loads AS stage_load ON stage_load.stage_id = stage.stage_id
LEFT JOIN quota_loads AS quota_load ON quota_load.quota_id = quota.quota_id
CROSS JOIN LATERAL (
    SELECT count(*) AS files
    FROM (
        SELECT FROM files AS file
        WHERE file.stage_id = stage.stage_id AND file.state = 'unallocated'
        LIMIT greatest(coalesce(stage_load.unasked_jobs, 0), 0) + 1
    ) AS counted
) AS waiting
CROSS JOIN LATERAL (
    SELECT array_agg(chosen.storage_id) AS storage_ids
    FROM stage_storages AS chosen
    WHERE chosen.stage_id = stage.stage_id AND chosen.for_input
) AS confined
CROSS JOIN LATERAL (
    -- The walk ends at the first storage that has a file: nothing farther is looked at.
    SELECT reach.distance
    FROM (
        SELECT distance.distance, distance.storage_id
        FROM distances AS distance
        WHERE distance.site_id = site.site_id AND distance.distance <= least(stage.max_distance, %(reach)s) AND waiting.files > 0
          AND (confined.storage_ids IS NULL OR distance.storage_id = ANY(confined.storage_ids))
        ORDER BY distance.distance
        OFFSET 0
    ) AS reach
    CROSS JOIN LATERAL (
        SELECT
        FROM stage_placements AS placement
        JOIN storages AS storage ON storage.storage_id = placement.storage_id
                                AND storage.rucio_read AND storage.enabled_read
        CROSS JOIN LATERAL (
            SELECT FROM files AS file
            WHERE file.stage_id = stage.stage_id AND file.placement_id = placement.placement_id
              AND file.state = 'unallocated'
            LIMIT 1
        ) AS waits
        WHERE placement.stage_id = stage.stage_id AND placement.storage_id = reach.storage_id
        LIMIT 1
    ) AS found
    LIMIT 1
) AS near
WHERE site.site_id = %(site_id)s AND /* filters */
-- Jobs that were sent to a stage and have not asked yet will take as many of its files.
ORDER BY waiting.files <= coalesce(stage_load.unasked_jobs, 0), near.distance, workflow.priority DESC,
         coalesce(quota_load.running_jobs, 0) / quota.share, workflow.workflow_id, stage.stage_number
LIMIT %(limit)s
