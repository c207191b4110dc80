-- What each running stage that lacks jobs needs of them, and where its files are near; by priority, then age.
-- Called by demand.stage_demands. Index: workflows_unfinished, jobs_alive; per stage files_waiting (so many rows at
-- most) and jobs_queued, and for those that lack jobs one probe of files_waiting per storage and placement.
-- moves: nothing
WITH queued_of_quota AS MATERIALIZED (
    SELECT quota_id, count(*) AS jobs FROM jobs WHERE state = 'submitted' GROUP BY quota_id
)
SELECT stage.stage_id, stage.workflow_id, stage.stage_number, files.waiting, queued.jobs,
       COALESCE(stage_load.running_jobs, 0), COALESCE(stage_load.unasked_jobs, 0), stage.max_jobs,
       stage.max_files_per_job, stage.processors, stage.rss_bytes, stage.wall_seconds, stage.gpus, stage.image,
       stage.classads, quota.quota_id, quota.accounting_group, quota.max_running_jobs,
       COALESCE(quota_load.running_jobs, 0) + COALESCE(queued_of_quota.jobs, 0), near.sites
FROM workflows AS workflow
JOIN users AS "user" ON "user".user_id = workflow.user_id AND "user".enabled
JOIN scopes AS scope ON scope.name = workflow.scope AND scope.enabled
JOIN quotas AS quota ON quota.quota_id = scope.quota_id AND quota.enabled
JOIN stages AS stage ON stage.workflow_id = workflow.workflow_id
LEFT JOIN stage_loads AS stage_load ON stage_load.stage_id = stage.stage_id
LEFT JOIN quota_loads AS quota_load ON quota_load.quota_id = quota.quota_id
LEFT JOIN queued_of_quota ON queued_of_quota.quota_id = quota.quota_id
CROSS JOIN LATERAL (
    SELECT count(*) AS waiting
    FROM (SELECT FROM files AS file
          WHERE file.stage_id = stage.stage_id AND file.state = 'unallocated'
          LIMIT %(most_files)s) AS counted
) AS files
CROSS JOIN LATERAL (
    SELECT count(*) AS jobs FROM jobs AS job WHERE job.hint_stage_id = stage.stage_id AND job.state = 'submitted'
) AS queued
CROSS JOIN LATERAL (
    SELECT array_agg(DISTINCT site.name) AS sites
    FROM storages AS storage
    JOIN distances AS distance ON distance.storage_id = storage.storage_id AND distance.distance <= stage.max_distance
                              AND NOT distance.unreadable
    JOIN sites AS site ON site.site_id = distance.site_id AND site.enabled AND site.retired_at IS NULL
    WHERE storage.rucio_read AND storage.enabled_read
      AND EXISTS (SELECT
                  FROM stage_placements AS placed
                  CROSS JOIN LATERAL (
                      SELECT FROM files AS file
                      WHERE file.stage_id = stage.stage_id AND file.placement_id = placed.placement_id
                        AND file.state = 'unallocated'
                      LIMIT 1
                  ) AS waiting
                  WHERE placed.stage_id = stage.stage_id AND placed.storage_id = storage.storage_id)
      AND (NOT EXISTS (SELECT FROM stage_storages AS allowed WHERE allowed.stage_id = stage.stage_id AND allowed.for_input)
           OR EXISTS (SELECT FROM stage_storages AS allowed
                      WHERE allowed.stage_id = stage.stage_id AND allowed.for_input
                        AND allowed.storage_id = storage.storage_id))
      AND (NOT EXISTS (SELECT FROM stage_sites AS allowed WHERE allowed.stage_id = stage.stage_id)
           OR EXISTS (SELECT FROM stage_sites AS allowed
                      WHERE allowed.stage_id = stage.stage_id AND allowed.site_id = site.site_id))
) AS near
WHERE workflow.state = 'running'
  -- Those that are queued, and those that have not asked yet, will take files too.
  AND ceil(files.waiting / %(files_per_job)s::float8) - COALESCE(stage_load.unasked_jobs, 0) > queued.jobs
  AND near.sites IS NOT NULL
ORDER BY workflow.priority DESC, workflow.workflow_id, stage.stage_number
