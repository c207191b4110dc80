-- The inputs of a stage that are in some states, some at a time, in the order of their DIDs.
-- Called by models/selections.py. Index: files_input.
-- moves: nothing
SELECT file_id, did
FROM files
WHERE stage_id = %(stage_id)s AND state <> 'dropped' AND state = ANY(%(states)s)
  AND did > %(after)s
  AND (%(dids)s::text[] IS NULL OR did = ANY(%(dids)s))
ORDER BY did
LIMIT %(limit)s
