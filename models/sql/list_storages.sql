-- All storages (dozens), with what the accounts of quotas use there.
-- Called by models/queries/places.py.
-- moves: nothing
SELECT storage.name, site.name, storage.country, storage.region, storage.tape,
       storage.rucio_read AND storage.enabled_read, storage.rucio_write AND storage.enabled_write,
       storage.disabled_reason, storage.occupancy, storage.last_seen_at, storage.retired_at,
       storage.deterministic, storage.used_bytes, storage.total_bytes, COALESCE(storage.protocols, '{}'),
       (SELECT COALESCE(jsonb_agg(jsonb_build_object(
            'account', quota.name, 'used_bytes', usage.used_bytes, 'limit_bytes', usage.limit_bytes)
            ORDER BY quota.name), '[]')
        FROM account_usages AS usage
        JOIN quotas AS quota USING (quota_id)
        WHERE usage.storage_id = storage.storage_id)
FROM storages AS storage
LEFT JOIN sites AS site USING (site_id)
ORDER BY storage.name
LIMIT 10000
