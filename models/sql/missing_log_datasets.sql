-- The datasets for logs of this period and the next ones that have not been made, of every storage that takes files.
-- Called by log_datasets.missing. Reads all storages (dozens). Index: log_datasets_pkey.
-- moves: nothing
SELECT coming.period, storage.storage_id, storage.name
FROM storages AS storage
CROSS JOIN LATERAL (
    SELECT (floor(extract(epoch FROM clock_timestamp()) / %(period_seconds)s)::bigint + later) * %(period_seconds)s
           AS period
    FROM generate_series(0, %(ahead)s) AS later
) AS coming
WHERE storage.rucio_write AND storage.enabled_write AND NOT storage.tape
  AND NOT EXISTS (
      SELECT FROM log_datasets AS made
      WHERE made.period = coming.period AND made.storage_id = storage.storage_id)
ORDER BY coming.period, storage.name
