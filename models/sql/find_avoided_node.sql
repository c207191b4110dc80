-- A node, if it is avoided now.
-- Called by models/nodes.py at each start of a slot. Index: avoided_nodes_pkey.
-- moves: nothing
SELECT site.name, node.hostname, node.until, node.failed_jobs
FROM avoided_nodes AS node
JOIN sites AS site ON site.site_id = node.site_id
WHERE node.site_id = %(site_id)s AND node.hostname = %(hostname)s AND node.until > clock_timestamp()
