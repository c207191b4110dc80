-- Let nothing but what is settled lie before the horizon: it comes to the fence when all transactions that had begun to
-- write before the fence was put up have ended.
-- Called by models/horizon.py. Index: event_horizon_pkey.
-- moves: nothing
UPDATE event_horizon
SET event_id = fence_event_id
WHERE event_id < fence_event_id AND fence_transaction <= pg_snapshot_xmin(pg_current_snapshot())::text::bigint
