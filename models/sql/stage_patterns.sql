-- The kinds of output of a stage.
-- Called by models/reports.py at record_results. Index: stage_outputs_stage_id_pattern_id_key.
-- moves: nothing
SELECT output_id, pattern_id, pattern, destination, for_next_stage
FROM stage_outputs
WHERE stage_id = %(stage_id)s
ORDER BY pattern_id
