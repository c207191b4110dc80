-- Write down what the rules say of how far storages are from sites; what a person has set stays.
-- Called by models/distances.py. Index: distances_pkey.
-- moves: nothing
INSERT INTO distances (site_id, storage_id, distance, by_hand, by_rule)
SELECT rule.site_id, rule.storage_id, rule.distance, false, rule.distance
FROM unnest(%(site_ids)s::integer[], %(storage_ids)s::integer[], %(distances)s::integer[])
     AS rule (site_id, storage_id, distance)
-- In order, so that two of these do not wait for each other.
ORDER BY rule.site_id, rule.storage_id
ON CONFLICT (site_id, storage_id) DO UPDATE
SET distance = CASE WHEN distances.by_hand THEN distances.distance ELSE excluded.distance END,
    by_rule = excluded.by_rule
WHERE distances.by_rule IS DISTINCT FROM excluded.by_rule
   OR (NOT distances.by_hand AND distances.distance <> excluded.distance)
RETURNING 1
