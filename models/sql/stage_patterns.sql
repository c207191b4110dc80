-- The kinds of output of a stage, and the stage that takes those which are passed on.
-- Called by models/reports.py at record_results. Index: stage_outputs_stage_id_pattern_id_key.
-- moves: nothing
SELECT output.output_id, output.pattern_id, output.pattern, output.destination,
       CASE WHEN output.for_next_stage THEN next.stage_id END
FROM stage_outputs AS output
JOIN stages AS own ON own.stage_id = output.stage_id
LEFT JOIN stages AS next ON next.workflow_id = own.workflow_id AND next.stage_number = own.stage_number + 1
WHERE output.stage_id = %(stage_id)s
ORDER BY output.pattern_id
