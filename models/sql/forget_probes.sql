-- Forget what probes found so long ago or before, and the probes themselves once they have ended.
-- Called by models/probes.py. Reads both tables (a row for each probe and storage, for weeks).
-- moves: nothing
WITH results AS (
    DELETE FROM probe_results WHERE at < clock_timestamp() - make_interval(secs => %(seconds)s)
)
DELETE FROM probe_jobs AS probe
USING jobs AS job
WHERE job.job_id = probe.job_id AND job.finished_at < clock_timestamp() - make_interval(secs => %(seconds)s)
