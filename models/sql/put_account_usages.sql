-- Write down how much of each storage the account of a quota uses, and may; what it says no more of is dropped.
-- Called by models/storages.py. Index: quotas_name_key, storages_name_key, account_usages_pkey.
-- moves: nothing
WITH told AS (
    SELECT quota.quota_id, storage.storage_id, usage.used_bytes, usage.limit_bytes
    FROM unnest(%(storages)s::text[], %(used_bytes)s::bigint[], %(limit_bytes)s::bigint[])
         AS usage (storage, used_bytes, limit_bytes)
    JOIN quotas AS quota ON quota.name = %(quota)s
    JOIN storages AS storage ON storage.name = usage.storage
),
dropped AS (
    DELETE FROM account_usages AS known
    USING quotas AS quota
    WHERE quota.name = %(quota)s AND known.quota_id = quota.quota_id
      AND NOT EXISTS (SELECT FROM told WHERE told.storage_id = known.storage_id)
)
INSERT INTO account_usages (quota_id, storage_id, used_bytes, limit_bytes, last_seen_at)
SELECT quota_id, storage_id, used_bytes, limit_bytes, clock_timestamp() FROM told
ORDER BY quota_id, storage_id
ON CONFLICT (quota_id, storage_id) DO UPDATE
SET used_bytes = excluded.used_bytes, limit_bytes = excluded.limit_bytes, last_seen_at = excluded.last_seen_at
