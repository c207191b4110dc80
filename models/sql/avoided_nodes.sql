-- The nodes that are avoided now (few), at all sites or one.
-- Called by models/nodes.py for whoever asks.
-- moves: nothing
SELECT site.name, node.hostname, node.until, node.failed_jobs
FROM avoided_nodes AS node
JOIN sites AS site ON site.site_id = node.site_id
WHERE node.until > clock_timestamp()
  AND (%(site)s::text IS NULL OR site.name = %(site)s)
ORDER BY site.name, node.hostname
