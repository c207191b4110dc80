-- Where a probe belongs, and what it is to try.
-- Called by models/probes.py at get_jobscript and record_probe. Index: probe_jobs_pkey.
-- moves: nothing
SELECT probe.site_id, site.name, probe.gpu_entry, probe.trials
FROM probe_jobs AS probe
JOIN sites AS site ON site.site_id = probe.site_id
WHERE probe.job_id = %(job_id)s
