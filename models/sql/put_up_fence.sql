-- Put up a fence with the number of this transaction, unless another did so meanwhile.
-- Called by models/horizon.py, after last_event. Index: event_horizon_pkey.
-- moves: nothing
INSERT INTO event_horizon AS horizon (horizon_id, event_id, fence_event_id, fence_transaction)
VALUES (1, 0, %(event_id)s, pg_current_xact_id()::text::bigint)
ON CONFLICT (horizon_id) DO UPDATE
SET fence_event_id = greatest(horizon.event_id, excluded.fence_event_id), fence_transaction = excluded.fence_transaction
WHERE horizon.fence_event_id = %(was)s
