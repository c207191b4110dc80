-- How many jobs the stages of a workflow have in each state.
-- Called by models/queries/stages.py. Index: jobs_stage, without the table.
-- moves: nothing
SELECT stage_id, state, count(*)
FROM jobs
WHERE stage_id = ANY(%(stage_ids)s)
GROUP BY stage_id, state
