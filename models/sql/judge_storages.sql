-- Withhold storages from a site, or all sites, where the last so many probes that tried all failed, for reading and for
-- writing each by itself; offer them again as soon as that is not so; and log it.
-- Called by models/probes.py. Index: distances_pkey, probe_results_pair (so many rows per pair).
-- moves: nothing
WITH recent AS MATERIALIZED (
    SELECT pair.site_id, pair.storage_id,
           %(withhold)s::boolean AND (
               SELECT count(*) = %(failures)s AND NOT bool_or(last.ok)
               FROM (SELECT result.read_ok AS ok
                     FROM probe_results AS result
                     WHERE result.site_id = pair.site_id AND result.storage_id = pair.storage_id
                       AND result.read_ok IS NOT NULL
                       AND result.at > clock_timestamp() - make_interval(secs => %(valid_seconds)s)
                     ORDER BY result.at DESC LIMIT %(failures)s) AS last
           ) AS unreadable,
           %(withhold)s::boolean AND (
               SELECT count(*) = %(failures)s AND NOT bool_or(last.ok)
               FROM (SELECT result.write_ok AS ok
                     FROM probe_results AS result
                     WHERE result.site_id = pair.site_id AND result.storage_id = pair.storage_id
                       AND result.write_ok IS NOT NULL
                       AND result.at > clock_timestamp() - make_interval(secs => %(valid_seconds)s)
                     ORDER BY result.at DESC LIMIT %(failures)s) AS last
           ) AS unwritable
    FROM distances AS pair
    WHERE %(site_id)s::int IS NULL OR pair.site_id = %(site_id)s
),
changing AS MATERIALIZED (
    -- Locked in order; what is compared is the row as it is once it is locked.
    SELECT pair.site_id, pair.storage_id, pair.unreadable AS was_unreadable, pair.unwritable AS was_unwritable,
           recent.unreadable, recent.unwritable
    FROM distances AS pair
    JOIN recent USING (site_id, storage_id)
    WHERE (pair.unreadable, pair.unwritable) <> (recent.unreadable, recent.unwritable)
    ORDER BY pair.site_id, pair.storage_id
    FOR NO KEY UPDATE OF pair
),
changed AS (
    UPDATE distances AS pair
    SET unreadable = changing.unreadable, unwritable = changing.unwritable
    FROM changing
    WHERE pair.site_id = changing.site_id AND pair.storage_id = changing.storage_id
    RETURNING pair.site_id, pair.storage_id
),
logged AS (
    INSERT INTO events (event_type, actor, site_id, storage_id, details)
    SELECT CASE WHEN rule.withheld THEN 'storage_withheld' ELSE 'storage_offered' END, %(actor)s::text,
           changing.site_id, changing.storage_id,
           jsonb_build_object('operation', rule.operation, 'message', CASE WHEN rule.withheld
               THEN 'the last ' || %(failures)s || ' probes could not ' || rule.operation || ' there'
               ELSE 'no longer do the last ' || %(failures)s || ' probes fail to ' || rule.operation || ' there' END)
    FROM changed
    JOIN changing USING (site_id, storage_id)
    CROSS JOIN LATERAL (VALUES ('read', changing.was_unreadable, changing.unreadable),
                               ('write', changing.was_unwritable, changing.unwritable)
    ) AS rule (operation, was, withheld)
    WHERE rule.was <> rule.withheld
    ORDER BY changing.site_id, changing.storage_id, rule.operation
)
SELECT site.name, storage.name, changing.unreadable, changing.unwritable
FROM changed
JOIN changing USING (site_id, storage_id)
JOIN sites AS site USING (site_id)
JOIN storages AS storage USING (storage_id)
ORDER BY site.name, storage.name
