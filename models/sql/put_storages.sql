-- Write down the storages that Rucio knows; what a person has said of one stays.
-- Called by models/storages.py. Index: storages_name_key.
-- moves: nothing
INSERT INTO storages (name, country, region, tape, deterministic, rucio_read, rucio_write, enabled_read,
                      enabled_write, disabled_reason, occupancy, used_bytes, total_bytes, protocols, attributes,
                      last_seen_at)
SELECT storage.name, storage.country, storage.region, storage.tape, storage.deterministic,
       storage.readable, storage.writable, true, true, '',
       COALESCE(storage.used_bytes::float8 / NULLIF(storage.total_bytes, 0), 0), storage.used_bytes, storage.total_bytes,
       storage.protocols, storage.attributes, clock_timestamp()
FROM jsonb_to_recordset(%(storages)s::jsonb) AS storage (
    name text, country text, region text, tape boolean, deterministic boolean, readable boolean,
    writable boolean, used_bytes bigint, total_bytes bigint, protocols jsonb, attributes jsonb)
-- In order, so that two of these do not wait for each other.
ORDER BY storage.name
ON CONFLICT (name) DO UPDATE
SET country = COALESCE(NULLIF(excluded.country, ''), storages.country),
    region = COALESCE(NULLIF(excluded.region, ''), storages.region),
    tape = excluded.tape, deterministic = excluded.deterministic, rucio_read = excluded.rucio_read,
    rucio_write = excluded.rucio_write, occupancy = excluded.occupancy, used_bytes = excluded.used_bytes,
    total_bytes = excluded.total_bytes, protocols = excluded.protocols, attributes = excluded.attributes,
    retired_at = NULL, last_seen_at = excluded.last_seen_at
RETURNING xmax = 0
