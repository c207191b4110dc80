-- How many files the stages of a workflow have in each state.
-- Called by models/queries/stages.py. Index: files_input, once per stage.
-- moves: nothing
SELECT file.stage_id, file.state, count(*)
FROM files AS file
WHERE file.stage_id = ANY(%(stage_ids)s) AND file.state <> 'dropped'
GROUP BY file.stage_id, file.state
