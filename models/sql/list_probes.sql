-- What the newest probe of each site, and of each of its entries with GPUs, found at each storage on disk; and whether
-- the storage is offered to jobs there. What was found too long ago does not count.
-- Called by models/queries/probes.py. Index: distances_pkey, probe_results_pair.
-- moves: nothing
SELECT site.name, place.gpu_entry, storage.name, distance.distance,
       CASE WHEN result.job_id IS NULL THEN 'no_result'
            WHEN result.read_ok AND result.write_ok THEN 'both'
            WHEN result.read_ok THEN 'read_only'
            WHEN result.write_ok THEN 'write_only'
            ELSE 'none' END,
       result.read_ok, result.read_seconds, result.write_ok, result.write_seconds, COALESCE(result.message, ''),
       result.at, job.jobsub_id, NOT distance.unreadable, NOT distance.unwritable
FROM sites AS site
CROSS JOIN LATERAL (
    SELECT '' AS gpu_entry
    UNION
    SELECT probe.gpu_entry FROM probe_jobs AS probe WHERE probe.site_id = site.site_id
) AS place
JOIN distances AS distance ON distance.site_id = site.site_id AND distance.distance <= 100
JOIN storages AS storage ON storage.storage_id = distance.storage_id
                        AND NOT storage.tape AND storage.retired_at IS NULL AND storage.name <> %(monte_carlo)s
LEFT JOIN LATERAL (
    SELECT found.*
    FROM probe_results AS found
    WHERE found.site_id = site.site_id AND found.storage_id = storage.storage_id
      AND found.gpu_entry = place.gpu_entry
      AND found.at > clock_timestamp() - make_interval(secs => %(valid_seconds)s)
    ORDER BY found.at DESC
    LIMIT 1
) AS result ON true
LEFT JOIN jobs AS job ON job.job_id = result.job_id
WHERE site.retired_at IS NULL
  AND (%(site)s::text IS NULL OR site.name = %(site)s) AND (%(rse)s::text IS NULL OR storage.name = %(rse)s)
ORDER BY site.name, place.gpu_entry, distance.distance, storage.name
LIMIT 100000
