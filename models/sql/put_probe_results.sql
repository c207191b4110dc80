-- Keep what a probe found, and log what is not as it was when it was last tried.
-- Called by models/probes.py at record_probe. Index: probe_jobs_pkey, probe_results_pkey, probe_results_pair.
-- moves: nothing
WITH probe AS (
    UPDATE probe_jobs SET trials = NULL WHERE job_id = %(job_id)s RETURNING job_id, site_id, gpu_entry
),
result AS (
    SELECT probe.job_id, probe.site_id, probe.gpu_entry, told.*
    FROM probe
    CROSS JOIN jsonb_to_recordset(%(results)s::jsonb) AS told (
        storage_id int, read_ok boolean, read_seconds float8, read_message text,
        write_ok boolean, write_seconds float8, write_message text)
),
put AS (
    INSERT INTO probe_results (job_id, storage_id, site_id, gpu_entry, read_ok, read_seconds, write_ok, write_seconds,
                               message)
    SELECT job_id, storage_id, site_id, gpu_entry, read_ok, read_seconds, write_ok, write_seconds,
           concat_ws(' ', nullif(read_message, ''), nullif(write_message, ''))
    FROM result
    ORDER BY storage_id
    ON CONFLICT (job_id, storage_id) DO NOTHING
    RETURNING storage_id
)
INSERT INTO events (event_type, actor, job_id, site_id, entry_name, storage_id, seconds, details)
SELECT CASE WHEN tried.ok THEN tried.well ELSE tried.failed END, 'allocator', result.job_id, result.site_id,
       job.entry_name, result.storage_id, tried.seconds,
       CASE WHEN tried.message <> '' THEN jsonb_build_object('message', tried.message) END
FROM put
JOIN result USING (storage_id)
JOIN jobs AS job ON job.job_id = result.job_id
-- What is inserted here is not seen yet.
CROSS JOIN LATERAL (
    SELECT (SELECT known.read_ok FROM probe_results AS known
            WHERE known.site_id = result.site_id AND known.storage_id = result.storage_id AND known.read_ok IS NOT NULL
            ORDER BY known.at DESC LIMIT 1) AS read_ok,
           (SELECT known.write_ok FROM probe_results AS known
            WHERE known.site_id = result.site_id AND known.storage_id = result.storage_id AND known.write_ok IS NOT NULL
            ORDER BY known.at DESC LIMIT 1) AS write_ok
) AS before
CROSS JOIN LATERAL (
    VALUES (result.read_ok, before.read_ok, 'probe_read_ok', 'probe_read_failed', result.read_seconds,
            result.read_message),
           (result.write_ok, before.write_ok, 'probe_write_ok', 'probe_write_failed', result.write_seconds,
            result.write_message)
) AS tried (ok, was, well, failed, seconds, message)
WHERE tried.ok IS NOT NULL AND tried.ok IS DISTINCT FROM tried.was
ORDER BY result.storage_id, tried.well
