-- Where jobs of stages could run near waiting files: the sites that fit, and of each the entries that fit, null where
-- nothing is known of its entries.
-- Called by demand.stage_places for stages that lack jobs. Index: stages_pkey, distances_pkey, entries' by site, and for
-- each stage one probe of files_waiting per placement.
-- moves: nothing
SELECT stage.stage_id, site.name, offered.fitting
FROM stages AS stage
CROSS JOIN LATERAL (
    SELECT array_agg(chosen.storage_id) AS storage_ids
    FROM stage_storages AS chosen
    WHERE chosen.stage_id = stage.stage_id AND chosen.for_input
) AS confined
CROSS JOIN LATERAL (
    SELECT array_agg(DISTINCT placed.storage_id) AS storage_ids
    FROM (SELECT DISTINCT placement_id FROM stage_placements WHERE stage_id = stage.stage_id) AS placement
    CROSS JOIN LATERAL (
        SELECT FROM files AS file
        WHERE file.stage_id = stage.stage_id AND file.placement_id = placement.placement_id
          AND file.state = 'unallocated'
        LIMIT 1
    ) AS waits
    JOIN stage_placements AS placed ON placed.stage_id = stage.stage_id
                                   AND placed.placement_id = placement.placement_id
) AS waiting
JOIN sites AS site ON site.retired_at IS NULL AND /* placed */
CROSS JOIN LATERAL (
    SELECT count(*) > 0 AS are_known,
           array_agg(entry.name ORDER BY entry.name) FILTER (WHERE /* entry_fits */) AS fitting
    FROM entries AS entry
    WHERE entry.site_id = site.site_id
) AS offered
WHERE stage.stage_id = ANY(%(stage_ids)s::int[])
  AND (NOT offered.are_known OR offered.fitting IS NOT NULL)
  AND EXISTS (SELECT
              FROM distances AS distance
              JOIN storages AS storage ON storage.storage_id = distance.storage_id
              WHERE distance.site_id = site.site_id AND storage.storage_id = ANY(waiting.storage_ids)
                AND /* stored */)
ORDER BY stage.stage_id, site.name
