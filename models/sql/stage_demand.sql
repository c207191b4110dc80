-- What each running stage needs of jobs and has of them, and how its jobs went lately; by priority, then age.
-- Called by demand.stage_demands. Index: workflows_unfinished, jobs_alive; for each stage stage_placements_pkey,
-- distances_of_storage, files_waiting (as many rows as could matter), jobs_ended_of_stage (the newest), jobs_last_started.
-- moves: nothing
WITH queued AS MATERIALIZED (
    SELECT hint_stage_id, quota_id, count(*) AS jobs, min(submitted_at) AS oldest_at
    FROM jobs
    WHERE state = 'submitted'
    GROUP BY hint_stage_id, quota_id
),
of_stage AS MATERIALIZED (
    SELECT hint_stage_id AS stage_id, sum(jobs)::bigint AS jobs, min(oldest_at) AS oldest_at
    FROM queued GROUP BY hint_stage_id
),
of_quota AS MATERIALIZED (
    SELECT quota_id, sum(jobs)::bigint AS jobs FROM queued GROUP BY quota_id
)
SELECT stage.stage_id, stage.workflow_id, stage.stage_number, files.waiting,
       -- Whether there are some out of reach.
       files.waiting > 0 OR EXISTS (
           SELECT FROM files AS file WHERE file.stage_id = stage.stage_id AND file.state = 'unallocated'),
       coalesce(of_stage.jobs, 0), extract(epoch FROM clock_timestamp() - of_stage.oldest_at)::float8,
       extract(epoch FROM clock_timestamp() - last_start.at)::float8,
       coalesce(stage_load.running_jobs, 0), coalesce(stage_load.unasked_jobs, 0),
       seen.ended_jobs, seen.good_jobs, seen.fruitful_jobs, seen.processed_files,
       stage.max_jobs, stage.max_files_per_job, stage.processors, stage.rss_bytes, stage.wall_seconds,
       stage.gpus, coalesce(stage.gpu_memory_bytes, 0), coalesce(stage.gpu_min_capability, 0)::float8,
       coalesce(stage.gpu_max_capability, 0)::float8, coalesce(stage.gpu_min_runtime, 0)::float8, stage.gpu_model,
       stage.image, stage.classads, quota.quota_id, quota.accounting_group, quota.max_running_jobs,
       coalesce(quota_load.running_jobs, 0) + coalesce(of_quota.jobs, 0),
       (SELECT coalesce(sum(jobs), 0)::bigint FROM queued),
       coalesce(decided.sites, '{}'), coalesce(decided.entries, '{}')
FROM workflows AS workflow
JOIN users AS "user" ON "user".user_id = workflow.user_id AND "user".enabled
JOIN scopes AS scope ON scope.name = workflow.scope AND scope.enabled
JOIN quotas AS quota ON quota.quota_id = scope.quota_id AND quota.enabled
JOIN stages AS stage ON stage.workflow_id = workflow.workflow_id
LEFT JOIN stage_loads AS stage_load ON stage_load.stage_id = stage.stage_id
LEFT JOIN quota_loads AS quota_load ON quota_load.quota_id = quota.quota_id
LEFT JOIN of_stage ON of_stage.stage_id = stage.stage_id
LEFT JOIN of_quota ON of_quota.quota_id = quota.quota_id
LEFT JOIN factory_decisions AS decided ON decided.stage_id = stage.stage_id
CROSS JOIN LATERAL (
    SELECT count(*) AS ended_jobs, count(*) FILTER (WHERE state = 'finished') AS good_jobs,
           count(*) FILTER (WHERE state = 'finished' AND processed_files > 0) AS fruitful_jobs,
           coalesce(sum(processed_files) FILTER (WHERE state = 'finished'), 0)::bigint AS processed_files
    FROM (SELECT job.state, job.processed_files
          FROM jobs AS job
          WHERE job.stage_id = stage.stage_id AND job.finished_at IS NOT NULL AND job.started_at IS NOT NULL
            -- What went before a restart says nothing: somebody has mended something.
            AND job.finished_at >= coalesce(workflow.started_at, '-infinity')
            AND job.started_at >= coalesce(workflow.started_at, '-infinity')
            -- What the system did says nothing of the stage.
            AND job.state NOT IN ('notused', 'removed') AND NOT job.was_refused
          ORDER BY job.finished_at DESC
          LIMIT %(recent_jobs)s) AS recent
) AS seen
LEFT JOIN LATERAL (
    SELECT job.started_at AS at
    FROM jobs AS job
    WHERE job.hint_stage_id = stage.stage_id AND job.started_at IS NOT NULL
    ORDER BY job.started_at DESC
    LIMIT 1
) AS last_start ON true
CROSS JOIN LATERAL (
    SELECT array_agg(chosen.storage_id) AS storage_ids
    FROM stage_storages AS chosen
    WHERE chosen.stage_id = stage.stage_id AND chosen.for_input
) AS confined
CROSS JOIN LATERAL (
    -- Storages from which some site that fits may read.
    SELECT coalesce(array_agg(storage.storage_id), '{}') AS storage_ids
    FROM storages AS storage
    WHERE EXISTS (SELECT FROM stage_placements AS placed
                  WHERE placed.stage_id = stage.stage_id AND placed.storage_id = storage.storage_id)
      AND EXISTS (SELECT
                  FROM distances AS distance
                  JOIN sites AS site ON site.site_id = distance.site_id AND site.retired_at IS NULL
                  WHERE distance.storage_id = storage.storage_id AND /* stored */ AND /* placed */
                    AND (NOT EXISTS (SELECT FROM entries AS entry WHERE entry.site_id = site.site_id)
                         OR EXISTS (SELECT FROM entries AS entry
                                    WHERE entry.site_id = site.site_id AND /* entry_fits */)))
) AS near
CROSS JOIN LATERAL (
    SELECT coalesce(array_agg(DISTINCT placed.placement_id), '{}') AS placement_ids
    FROM stage_placements AS placed
    WHERE placed.stage_id = stage.stage_id AND placed.storage_id = ANY(near.storage_ids)
) AS reachable
CROSS JOIN LATERAL (
    SELECT count(*) AS waiting
    FROM (SELECT FROM files AS file
          WHERE file.stage_id = stage.stage_id AND file.placement_id = ANY(reachable.placement_ids)
            AND file.state = 'unallocated'
          -- More could not matter: so many jobs may be queued, and those that run may take what they will.
          LIMIT (%(most_idle)s + coalesce(stage_load.running_jobs, 0))
                * ceil(greatest(%(files_per_job)s::float8,
                                seen.processed_files::float8 / greatest(seen.fruitful_jobs, 1)))::bigint
    ) AS counted
) AS files
WHERE workflow.state = 'running'
ORDER BY workflow.priority DESC, workflow.workflow_id, stage.stage_number
