-- For each site, and each storage with waiting files of a stage, the conditions that keep the stage's jobs from them.
-- Called by queries/why_not.py for a person who asks. Index: stages_pkey, stage_placements_pkey, distances_pkey,
-- jobs_gpus, and files_waiting, probed once for each placement.
-- moves: nothing
WITH seen_gpus AS MATERIALIZED (
    -- What jobs found at each site lately, and what the configuration of its entries promises.
    SELECT listed.site_id, gpu ->> 'name' AS name, (gpu ->> 'memory_bytes')::numeric AS memory_bytes,
           (gpu ->> 'compute_capability')::numeric AS capability, (gpu ->> 'runtime_version')::numeric AS runtime
    FROM (
        SELECT site.site_id, job.gpus -> 'gpus' AS gpus
        FROM sites AS site
        CROSS JOIN LATERAL (
            SELECT job.gpus FROM jobs AS job
            WHERE job.site_id = site.site_id AND job.gpus IS NOT NULL
            ORDER BY job.job_id DESC
            LIMIT 100
        ) AS job
        UNION ALL
        SELECT entry.site_id, entry.configuration -> 'gpus' FROM entries AS entry
    ) AS listed
    CROSS JOIN LATERAL jsonb_array_elements(
        CASE WHEN jsonb_typeof(listed.gpus) = 'array' THEN listed.gpus ELSE '[]' END
    ) AS gpu
)
SELECT site.name, storage.storage_id, storage.name, distance.distance, /* unmet */ AS unmet
FROM stages AS stage
JOIN workflows AS workflow ON workflow.workflow_id = stage.workflow_id
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
CROSS JOIN sites AS site
JOIN storages AS storage ON EXISTS (
    SELECT FROM stage_placements AS placement
    JOIN files AS file ON file.stage_id = stage.stage_id AND file.placement_id = placement.placement_id
                      AND file.state = 'unallocated'
    WHERE placement.stage_id = stage.stage_id AND placement.storage_id = storage.storage_id)
LEFT JOIN distances AS distance ON distance.site_id = site.site_id AND distance.storage_id = storage.storage_id
WHERE stage.stage_id = %(stage_id)s
  -- Of a site without entries for long one is told only who asks for it.
  AND CASE WHEN %(site)s::text IS NULL THEN site.retired_at IS NULL ELSE site.name = %(site)s END
ORDER BY site.name, storage.name
