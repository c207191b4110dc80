-- Write down the scopes that accounts of quotas own in Rucio; a scope that changes hands moves to its new quota.
-- Called by models/storages.py. Index: quotas_name_key, scopes_pkey.
-- moves: nothing
INSERT INTO scopes (name, quota_id, enabled)
SELECT owned.scope, quota.quota_id, true
FROM unnest(%(scopes)s::text[], %(accounts)s::text[]) AS owned (scope, account)
JOIN quotas AS quota ON quota.name = owned.account
ORDER BY owned.scope
ON CONFLICT (name) DO UPDATE SET quota_id = excluded.quota_id WHERE scopes.quota_id <> excluded.quota_id
RETURNING name
