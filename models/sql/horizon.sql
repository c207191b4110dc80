-- Where the horizon is, where the fence, and whether the fence is of another server's time: restored from a dump, it
-- would wait for transactions that may not come for years.
-- Called by models/horizon.py. Index: event_horizon_pkey.
-- moves: nothing
SELECT event_id, fence_event_id, fence_transaction > pg_snapshot_xmax(pg_current_snapshot())::text::bigint
FROM event_horizon
