-- The stages that a slot can serve now with files in reach, best first: nearest waiting files, then priority, then the
-- quota that has least for its share, then age. A stage comes once for each of its placements that has a file.
-- Called by matching.choose_stages at slot start. Index: workflows_unfinished, stage_placements_pkey, and files_waiting,
-- probed only until there are enough stages: whether files wait is asked of the best first.
-- moves: nothing
SELECT candidate.stage_id, candidate.distance
FROM (
    SELECT stage.stage_id, place.placement_id, place.distance, workflow.priority, workflow.workflow_id,
           stage.stage_number, coalesce(quota_load.running_jobs, 0) / quota.share AS share_taken,
           greatest(coalesce(stage_load.unasked_jobs, 0), 0) AS unasked_jobs
    FROM sites AS site
    CROSS JOIN workflows AS workflow
    JOIN stages AS stage ON stage.workflow_id = workflow.workflow_id
    JOIN users AS owner ON owner.user_id = workflow.user_id
    JOIN scopes AS scope ON scope.name = workflow.scope
    JOIN quotas AS quota ON quota.quota_id = scope.quota_id
    LEFT JOIN stage_loads AS stage_load ON stage_load.stage_id = stage.stage_id
    LEFT JOIN quota_loads AS quota_load ON quota_load.quota_id = quota.quota_id
    CROSS JOIN LATERAL (
        SELECT array_agg(chosen.storage_id) AS storage_ids
        FROM stage_storages AS chosen
        WHERE chosen.stage_id = stage.stage_id AND chosen.for_input
    ) AS confined
    CROSS JOIN LATERAL (
        SELECT placement.placement_id, distance.distance
        FROM distances AS distance
        JOIN storages AS storage ON storage.storage_id = distance.storage_id
        JOIN stage_placements AS placement ON placement.stage_id = stage.stage_id
                                          AND placement.storage_id = distance.storage_id
        WHERE distance.site_id = site.site_id AND distance.distance <= %(reach)s AND /* stored */
    ) AS place
    WHERE site.site_id = %(site_id)s AND stage.stage_id <> ALL(%(but)s::int[]) AND /* filters */
    ORDER BY place.distance, workflow.priority DESC, share_taken, workflow.workflow_id, stage.stage_number
    OFFSET 0
) AS candidate
CROSS JOIN LATERAL (
    SELECT FROM files AS file
    WHERE file.stage_id = candidate.stage_id AND file.placement_id = candidate.placement_id
      AND file.state = 'unallocated'
    LIMIT 1
) AS waits
-- Jobs that were sent to a stage and have not asked yet will take as many of its files.
WHERE NOT %(spare)s::boolean OR candidate.unasked_jobs < (
    SELECT count(*)
    FROM (
        SELECT FROM files AS file
        WHERE file.stage_id = candidate.stage_id AND file.state = 'unallocated'
        LIMIT candidate.unasked_jobs + 1
    ) AS counted
)
ORDER BY candidate.distance, candidate.priority DESC, candidate.share_taken, candidate.workflow_id, candidate.stage_number
LIMIT %(limit)s
