-- How many jobs are queued or running, by state.
-- Called by models/queries/outlook.py. Index: jobs_alive, without the table.
-- moves: nothing
SELECT state, count(*)
FROM jobs
WHERE state IN ('submitted', 'started', 'processing', 'outputting')
GROUP BY state
