-- The last id that any event has been given, whether it is to be seen yet or not; and whether this transaction has
-- written nothing yet, so that its number will be larger than that of any which has such an id.
-- Called by models/horizon.py, before put_up_fence. Index: none is read.
-- moves: nothing
SELECT CASE WHEN is_called THEN last_value ELSE 0 END, pg_current_xact_id_if_assigned() IS NULL
FROM events_event_id_seq
