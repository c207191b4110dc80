-- Write down the sites that entries name; what a person has said of one stays.
-- Called by models/entries.py. Index: sites_name_key.
-- moves: nothing
INSERT INTO sites (name, country, region, enabled, disabled_reason, learned, last_seen_at)
SELECT site.name, site.country, site.region, true, '', true, clock_timestamp()
FROM unnest(%(names)s::text[], %(countries)s::text[], %(regions)s::text[]) AS site (name, country, region)
-- In order, so that two of these do not wait for each other.
ORDER BY site.name
ON CONFLICT (name) DO UPDATE
SET country = COALESCE(NULLIF(excluded.country, ''), sites.country),
    region = COALESCE(NULLIF(excluded.region, ''), sites.region),
    retired_at = NULL,
    last_seen_at = excluded.last_seen_at
RETURNING xmax = 0
