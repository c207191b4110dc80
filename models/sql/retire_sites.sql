-- Retire the sites that have not had an entry for a while; jobs and events still refer to them.
-- Called by models/entries.py. Index: sites (dozens), ix_entries_site_id.
-- moves: nothing
UPDATE sites AS site
SET retired_at = clock_timestamp()
WHERE site.learned AND site.retired_at IS NULL
  AND site.last_seen_at < clock_timestamp() - make_interval(secs => %(after_seconds)s)
  AND NOT EXISTS (SELECT FROM entries AS entry WHERE entry.site_id = site.site_id)
RETURNING site.name
