-- The kinds of output of the stages of a workflow, with what has come of each.
-- Called by models/queries/stages.py. Index: files_output.
-- moves: nothing
SELECT output.stage_id, output.pattern_id, output.pattern, output.destination, output.for_next_stage,
       output.lifetime_seconds, output.rse_expression, COALESCE(made.files, 0), COALESCE(made.size_bytes, 0)::bigint
FROM stage_outputs AS output
LEFT JOIN (
    SELECT file.output_id, count(*) AS files, sum(file.size_bytes) AS size_bytes
    FROM files AS file
    WHERE file.workflow_id = %(workflow_id)s AND file.creator_job_id IS NOT NULL
      AND file.state NOT IN ('recorded', 'uploaded', 'dropped')
    GROUP BY file.output_id
) AS made USING (output_id)
WHERE output.stage_id = ANY(%(stage_ids)s)
ORDER BY output.stage_id, output.pattern_id
