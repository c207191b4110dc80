-- Where a probe is to go now: to each site, disabled ones too, and to each of its entries with GPUs, when the last one
-- there was submitted long enough ago and has ended.
-- Called by models/probes.py. Index: ix_entries_site_id, probe_jobs_place, jobs_pkey.
-- moves: nothing
SELECT place.site_id, place.site, place.gpu_entry
FROM (
    SELECT site.site_id, site.name AS site, '' AS gpu_entry
    FROM sites AS site
    -- Where every entry is for GPU jobs alone no other job ever starts.
    WHERE NOT EXISTS (SELECT FROM entries AS entry WHERE entry.site_id = site.site_id AND entry.enabled)
       OR EXISTS (SELECT FROM entries AS entry
                  WHERE entry.site_id = site.site_id AND entry.enabled AND NOT entry.gpus_always)
    UNION ALL
    SELECT entry.site_id, site.name, entry.name
    FROM entries AS entry
    JOIN sites AS site ON site.site_id = entry.site_id
    WHERE entry.enabled AND entry.gpus > 0
) AS place
WHERE NOT EXISTS (SELECT FROM sites AS gone WHERE gone.site_id = place.site_id AND gone.retired_at IS NOT NULL)
  AND NOT EXISTS (
      SELECT
      FROM probe_jobs AS probe
      JOIN jobs AS job ON job.job_id = probe.job_id
      WHERE probe.site_id = place.site_id AND probe.gpu_entry = place.gpu_entry
        AND (job.finished_at IS NULL
             OR job.submitted_at > clock_timestamp() - make_interval(secs => %(every_seconds)s)))
ORDER BY place.site, place.gpu_entry
