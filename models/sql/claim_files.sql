-- Give a job the nearest waiting files of its stage, and say why when it gets none.
-- Called by matching.claim_files. Index: waiting_replicas_pkey, one probe per storage until one has a file.
-- moves: file, unallocated -> allocated
WITH claimant AS MATERIALIZED (
    -- The lock keeps the job from ending meanwhile.
    SELECT j.job_id, j.stage_id, j.workflow_id, w.campaign_id, j.site_id, j.entry_name, j.hostname, j.asked_for_files,
           g.max_distance, g.max_files_per_job - held.files AS room, confined.storage_ids,
           CASE WHEN j.state NOT IN ('started', 'processing') THEN 'job_ended'
                WHEN w.state <> 'running' THEN 'paused'
                WHEN NOT (u.enabled AND q.enabled AND c.enabled AND s.enabled) THEN 'disabled'
                WHEN held.files >= g.max_files_per_job THEN 'cap_reached'
                ELSE 'none_left' END AS outcome
    FROM jobs j
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
    WHERE j.job_id = %(job_id)s
    FOR NO KEY UPDATE OF j
),
taken AS (
    UPDATE files f
    SET state = 'allocated', job_id = c.job_id, allocations = f.allocations + 1
    FROM claimant c
    CROSS JOIN LATERAL (
        SELECT found.*, d.storage_id, d.distance
        FROM (
            SELECT d.storage_id, d.distance
            FROM distances d
            WHERE d.site_id = c.site_id AND d.distance <= c.max_distance
              AND (c.storage_ids IS NULL OR d.storage_id = ANY(c.storage_ids))
            ORDER BY d.distance
            OFFSET 0
        ) d
        CROSS JOIN LATERAL (
            SELECT f.file_id, r.wan_pfn, r.lan_pfn, s.name AS rse
            FROM (
                -- From a random place to the end, then from the beginning: claimers do not meet.
                (SELECT q.file_id, q.spread FROM waiting_replicas q
                 WHERE q.stage_id = c.stage_id AND q.storage_id = d.storage_id AND q.spread >= %(start)s
                 ORDER BY q.spread)
                UNION ALL
                (SELECT q.file_id, q.spread FROM waiting_replicas q
                 WHERE q.stage_id = c.stage_id AND q.storage_id = d.storage_id AND q.spread < %(start)s
                 ORDER BY q.spread)
                LIMIT NULL::bigint
            ) q
            JOIN files f ON f.file_id = q.file_id AND f.spread = q.spread AND f.state = 'unallocated'
            JOIN replicas r ON r.file_id = q.file_id AND r.storage_id = d.storage_id
            JOIN storages s ON s.storage_id = d.storage_id AND s.rucio_read AND s.enabled_read
            WHERE (NOT s.tape OR r.accessible_until > clock_timestamp())
              AND (%(taste)s::int >= 2 OR f.failed_site_id IS DISTINCT FROM c.site_id)
              AND (%(taste)s::int >= 3 OR f.failed_host IS DISTINCT FROM c.hostname)
            LIMIT c.room
            FOR NO KEY UPDATE OF f /* patience */
        ) found
        LIMIT LEAST(%(count)s, c.room)
    ) k
    WHERE c.outcome = 'none_left' AND f.file_id = k.file_id
    RETURNING f.file_id, f.did, f.spread, k.wan_pfn, k.lan_pfn, k.rse, k.storage_id, k.distance
),
unqueued AS (
    DELETE FROM waiting_replicas q
    USING claimant c, taken k
    JOIN replicas r ON r.file_id = k.file_id
    WHERE q.stage_id = c.stage_id AND q.storage_id = r.storage_id AND q.spread = k.spread AND q.file_id = k.file_id
),
logged AS (
    INSERT INTO events (event_type, actor, workflow_id, campaign_id, stage_id, file_id, job_id, site_id, entry_name,
                        storage_id)
    SELECT 'file_allocated', 'allocator', c.workflow_id, c.campaign_id, c.stage_id, k.file_id, c.job_id, c.site_id,
           c.entry_name, k.storage_id
    FROM taken k, claimant c
)
SELECT c.outcome, c.asked_for_files, k.file_id, k.did,
       CASE WHEN k.distance = 0 THEN coalesce(k.lan_pfn, k.wan_pfn) ELSE k.wan_pfn END AS pfn, k.rse, k.distance
FROM claimant c
LEFT JOIN taken k ON true
