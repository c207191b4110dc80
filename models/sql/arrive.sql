-- The site where a slot is, and whether its node is avoided; and what the slot tells of containers is kept with its entry. A no counts at once, a yes
-- after a no only when the no is an hour old: one good node among bad ones makes no good entry.
-- Called by models/arrivals.py at get_jobscript. Index: sites_name_key, entries_name_key,
-- avoided_nodes_pkey.
-- moves: nothing
WITH told AS (
    UPDATE entries AS entry
    SET inner_container = %(has_inner_apptainer)s, inner_container_at = clock_timestamp(),
        inner_container_jobsub_id = %(jobsub_id)s
    FROM sites AS site
    WHERE site.name = %(site_name)s AND entry.name = %(entry_name)s AND entry.site_id = site.site_id
      AND (entry.inner_container IS NULL
           OR (entry.inner_container AND NOT %(has_inner_apptainer)s)
           OR entry.inner_container_at < clock_timestamp() - interval '1 hour')
)
SELECT site.site_id, site.name, site.enabled, site.disabled_reason, node.until, coalesce(node.failed_jobs, 0)
FROM sites AS site
LEFT JOIN avoided_nodes AS node ON node.site_id = site.site_id AND node.hostname = %(hostname)s
                               AND node.until > clock_timestamp()
WHERE site.name = %(site_name)s
