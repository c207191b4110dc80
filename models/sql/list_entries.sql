-- All entries (hundreds), or those of one site.
-- Called by models/queries/places.py. Index: sites_pkey.
-- moves: nothing
SELECT entry.name, site.name, entry.source, entry.enabled, entry.processors, entry.rss_bytes, entry.wall_seconds,
       entry.gpus, entry.gpus_always, entry.inner_container, entry.inner_container_at,
       entry.inner_container_jobsub_id, entry.last_seen_at
FROM entries AS entry
JOIN sites AS site USING (site_id)
WHERE %(site)s::text IS NULL OR site.name = %(site)s
ORDER BY site.name, entry.name
LIMIT 10000
