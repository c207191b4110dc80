-- Write down the entries that are configured now, at sites that are known; what jobs have told of one stays.
-- Called by models/entries.py after put_sites. Index: sites_name_key, entries_name_key.
-- moves: nothing
INSERT INTO entries (name, site_id, source, enabled, processors, rss_bytes, wall_seconds, gpus, gpus_always,
                     inner_container_jobsub_id, configuration, last_seen_at)
SELECT entry.name, site.site_id, entry.source, entry.enabled, entry.processors, entry.rss_bytes, entry.wall_seconds,
       entry.gpus, entry.gpus_always, '', entry.configuration, clock_timestamp()
FROM jsonb_to_recordset(%(entries)s::jsonb) AS entry (
    name text, site text, source text, enabled boolean, processors integer, rss_bytes bigint, wall_seconds integer,
    gpus integer, gpus_always boolean, configuration jsonb)
JOIN sites AS site ON site.name = entry.site
-- In order, so that two of these do not wait for each other.
ORDER BY entry.name
ON CONFLICT (name) DO UPDATE
SET site_id = excluded.site_id, source = excluded.source, enabled = excluded.enabled,
    processors = excluded.processors, rss_bytes = excluded.rss_bytes, wall_seconds = excluded.wall_seconds,
    gpus = excluded.gpus, gpus_always = excluded.gpus_always, configuration = excluded.configuration,
    last_seen_at = excluded.last_seen_at
RETURNING xmax = 0
