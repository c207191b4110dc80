-- Lock the kinds of output that files are of: who numbers their files waits here for others who do.
-- Called by datasets.numbers. Index: files_pkey, stage_outputs_pkey.
-- moves: nothing
SELECT output.output_id
FROM stage_outputs AS output
WHERE output.output_id IN (SELECT file.output_id FROM files AS file WHERE file.file_id = ANY(%(file_ids)s::bigint[]))
ORDER BY output.output_id
FOR NO KEY UPDATE
