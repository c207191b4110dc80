-- The storages that may take a stage's outputs, with what decides their order for a site.
-- Called by models/queries/storages.py at record_results. Reads all storages (dozens).
-- moves: nothing
WITH confined AS MATERIALIZED (
    -- Where the next stage reads from, when it takes outputs of this one and not from anywhere.
    SELECT next_storage.storage_id
    FROM stages AS own
    JOIN stages AS next ON next.workflow_id = own.workflow_id AND next.stage_number = own.stage_number + 1
    JOIN stage_storages AS next_storage ON next_storage.stage_id = next.stage_id AND next_storage.for_input
    WHERE own.stage_id = %(stage_id)s
      AND EXISTS (SELECT FROM stage_outputs AS output WHERE output.stage_id = own.stage_id AND output.for_next_stage)
)
SELECT storage.storage_id, storage.name, chosen.position, COALESCE(distance.distance, 100), storage.occupancy
FROM storages AS storage
LEFT JOIN stage_storages AS chosen
       ON chosen.stage_id = %(stage_id)s AND chosen.storage_id = storage.storage_id AND NOT chosen.for_input
LEFT JOIN distances AS distance
       ON distance.site_id = %(site_id)s AND distance.storage_id = storage.storage_id
WHERE storage.rucio_write AND storage.enabled_write AND NOT storage.tape
  AND storage.occupancy < 1
  AND COALESCE(distance.distance, 100) <= 100 AND distance.unwritable IS NOT TRUE
  -- What lies elsewhere would wait for the next stage for ever.
  AND (storage.storage_id IN (SELECT storage_id FROM confined) OR NOT EXISTS (SELECT FROM confined))
  -- Rucio refuses what exceeds an account's limit: some gigabytes are left for what other jobs upload meanwhile.
  AND NOT EXISTS (
      SELECT
      FROM stages AS stage
      JOIN workflows AS workflow ON workflow.workflow_id = stage.workflow_id
      JOIN scopes AS scope ON scope.name = workflow.scope
      JOIN account_usages AS usage ON usage.quota_id = scope.quota_id AND usage.storage_id = storage.storage_id
      WHERE stage.stage_id = %(stage_id)s AND usage.used_bytes + 10000000000 >= usage.limit_bytes)
