-- Drop the entries that have not been configured for a while, but for those whose file cannot be read.
-- Called by models/entries.py. Reads all entries (hundreds).
-- moves: nothing
DELETE FROM entries
WHERE source <> '' AND NOT source = ANY(%(unread)s::text[])
  AND last_seen_at < clock_timestamp() - make_interval(secs => %(after_seconds)s)
RETURNING name
