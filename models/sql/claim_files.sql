-- Give jobs the nearest waiting files of their stages, and say of each job why when it gets none.
-- Called by matching.claim_files for one job and by claims.Claims for many. A job may be named only once.
-- Index: files_waiting, probed for each placement under each storage, nearest first, until there is a file.
-- moves: file, unallocated -> allocated
WITH claimant AS MATERIALIZED (
    -- The lock keeps a job from ending meanwhile.
    SELECT j.job_id, j.stage_id, j.workflow_id, w.campaign_id, j.site_id, j.entry_name, j.hostname, j.asked_for_files,
           g.max_distance, LEAST(a.count, g.max_files_per_job - held.files) AS room, confined.storage_ids, a.start,
           CASE WHEN j.state NOT IN ('started', 'processing') THEN 'job_ended'
                WHEN w.state <> 'running' THEN 'paused'
                WHEN NOT (u.enabled AND q.enabled AND c.enabled AND s.enabled) THEN 'disabled'
                WHEN EXISTS (SELECT FROM avoided_nodes v WHERE v.site_id = j.site_id AND v.hostname = j.hostname
                                                           AND v.until > clock_timestamp()) THEN 'avoided'
                WHEN held.files >= g.max_files_per_job THEN 'cap_reached'
                ELSE 'none_left' END AS outcome
    FROM unnest(%(job_ids)s::bigint[], %(counts)s::int[], %(starts)s::int[]) AS a (job_id, count, start)
    JOIN jobs j ON j.job_id = a.job_id
    JOIN stages g ON g.stage_id = j.stage_id
    JOIN workflows w ON w.workflow_id = j.workflow_id
    JOIN users u ON u.user_id = w.user_id
    JOIN scopes c ON c.name = w.scope
    JOIN quotas q ON q.quota_id = c.quota_id
    JOIN sites s ON s.site_id = j.site_id
    CROSS JOIN LATERAL (
        SELECT count(*) AS files FROM files f
        WHERE f.stage_id = j.stage_id AND f.job_id = j.job_id AND f.state IN ('allocated', 'outputting')
    ) held
    CROSS JOIN LATERAL (
        SELECT array_agg(o.storage_id) AS storage_ids FROM stage_storages o WHERE o.stage_id = j.stage_id AND o.for_input
    ) confined
    FOR NO KEY UPDATE OF j
),
chosen AS MATERIALIZED (
    -- Once per job and before anything is changed: done again for each row of a join, it would find other files.
    SELECT c.job_id, k.file_id, k.rse, k.storage_id, k.distance
    FROM claimant c
    CROSS JOIN LATERAL (
        -- Each limit stops the walk beneath it, so that nothing farther is looked at, or locked, once there is enough.
        SELECT near.file_id, near.rse, d.storage_id, d.distance
        FROM (
            SELECT d.storage_id, d.distance
            FROM distances d
            WHERE d.site_id = c.site_id AND d.distance <= c.max_distance AND NOT d.unreadable
              AND (c.storage_ids IS NULL OR d.storage_id = ANY(c.storage_ids))
            ORDER BY d.distance
            OFFSET 0
        ) d
        CROSS JOIN LATERAL (
            SELECT probe.file_id, s.name AS rse
            FROM storages s
            JOIN stage_placements p ON p.stage_id = c.stage_id AND p.storage_id = d.storage_id
            CROSS JOIN LATERAL (
                -- From a random place to the end, then from the beginning: claimers do not meet.
                SELECT later.file_id FROM (
                    SELECT f.file_id FROM files f
                    WHERE f.stage_id = c.stage_id AND f.placement_id = p.placement_id AND f.state = 'unallocated'
                      AND f.spread >= c.start
                      AND (%(taste)s::int >= 2 OR f.failed_site_id IS DISTINCT FROM c.site_id)
                      AND (%(taste)s::int >= 3 OR f.failed_site_id IS DISTINCT FROM c.site_id
                           OR f.failed_host IS DISTINCT FROM c.hostname)
                    ORDER BY f.spread
                    LIMIT c.room
                    FOR NO KEY UPDATE SKIP LOCKED
                ) later
                UNION ALL
                SELECT earlier.file_id FROM (
                    SELECT f.file_id FROM files f
                    WHERE f.stage_id = c.stage_id AND f.placement_id = p.placement_id AND f.state = 'unallocated'
                      AND f.spread < c.start
                      AND (%(taste)s::int >= 2 OR f.failed_site_id IS DISTINCT FROM c.site_id)
                      AND (%(taste)s::int >= 3 OR f.failed_site_id IS DISTINCT FROM c.site_id
                           OR f.failed_host IS DISTINCT FROM c.hostname)
                    ORDER BY f.spread
                    LIMIT c.room
                    FOR NO KEY UPDATE SKIP LOCKED
                ) earlier
            ) probe
            WHERE s.storage_id = d.storage_id AND s.rucio_read AND s.enabled_read
            LIMIT c.room
        ) near
        LIMIT c.room
    ) k
    WHERE c.outcome = 'none_left'
),
taken AS (
    -- When two jobs of one call come upon the same file, the update gives it to one of them.
    UPDATE files f
    SET state = 'allocated', job_id = k.job_id, allocations = f.allocations + 1
    FROM chosen k
    WHERE f.file_id = k.file_id
    RETURNING k.job_id, f.file_id, f.did, k.storage_id, k.distance, k.rse
),
logged AS (
    INSERT INTO events (event_type, actor, workflow_id, campaign_id, stage_id, file_id, job_id, site_id, entry_name,
                        storage_id)
    SELECT 'file_allocated', 'allocator', c.workflow_id, c.campaign_id, c.stage_id, k.file_id, c.job_id, c.site_id,
           c.entry_name, k.storage_id
    FROM taken k JOIN claimant c USING (job_id)
)
SELECT c.job_id, c.outcome, c.asked_for_files, k.file_id, k.did,
       CASE WHEN k.distance = 0 THEN coalesce(r.lan_pfn, r.wan_pfn) ELSE r.wan_pfn END AS pfn, k.rse, k.distance
FROM claimant c
LEFT JOIN taken k USING (job_id)
LEFT JOIN replicas r ON r.file_id = k.file_id AND r.storage_id = k.storage_id
