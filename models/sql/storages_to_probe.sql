-- The storages on disk that jobs at some sites may ever be sent to, and whether the newest probe of any site could read
-- there, and write; null when none tried.
-- Called by models/probes.py. Index: distances_pkey, probe_results_pair.
-- moves: nothing
SELECT distance.site_id, storage.storage_id, storage.name, distance.distance, storage.rucio_read, storage.rucio_write,
       readers.any_read, writers.any_write
FROM storages AS storage
JOIN distances AS distance ON distance.storage_id = storage.storage_id AND distance.distance <= 100
CROSS JOIN LATERAL (
    SELECT bool_or(last.read_ok) AS any_read
    FROM distances AS near
    CROSS JOIN LATERAL (
        SELECT result.read_ok
        FROM probe_results AS result
        WHERE result.site_id = near.site_id AND result.storage_id = storage.storage_id AND result.read_ok IS NOT NULL
          AND result.at > clock_timestamp() - make_interval(secs => %(valid_seconds)s)
        ORDER BY result.at DESC
        LIMIT 1
    ) AS last
    WHERE near.storage_id = storage.storage_id
) AS readers
CROSS JOIN LATERAL (
    SELECT bool_or(last.write_ok) AS any_write
    FROM distances AS near
    CROSS JOIN LATERAL (
        SELECT result.write_ok
        FROM probe_results AS result
        WHERE result.site_id = near.site_id AND result.storage_id = storage.storage_id AND result.write_ok IS NOT NULL
          AND result.at > clock_timestamp() - make_interval(secs => %(valid_seconds)s)
        ORDER BY result.at DESC
        LIMIT 1
    ) AS last
    WHERE near.storage_id = storage.storage_id
) AS writers
WHERE distance.site_id = ANY(%(site_ids)s::int[])
  AND NOT storage.tape AND storage.retired_at IS NULL AND (storage.rucio_read OR storage.rucio_write)
ORDER BY distance.site_id, distance.distance, storage.name
