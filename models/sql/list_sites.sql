-- All sites (dozens), with how many entries they have.
-- Called by models/queries/places.py. Index: ix_entries_site_id.
-- moves: nothing
SELECT site.name, site.country, site.region, site.enabled, site.disabled_reason, site.last_seen_at, site.retired_at,
       counted.entries, counted.gpu_entries, counted.container_entries
FROM sites AS site
CROSS JOIN LATERAL (
    SELECT count(*) AS entries, count(*) FILTER (WHERE entry.gpus > 0) AS gpu_entries,
           count(*) FILTER (WHERE entry.inner_container) AS container_entries
    FROM entries AS entry
    WHERE entry.site_id = site.site_id AND entry.enabled
) AS counted
ORDER BY site.name
LIMIT 10000
