-- The stages of running workflows with files whose copies are to be looked for, the most urgent first.
-- Called by finding.stages_to_locate. Index: files_finding, one probe per stage.
-- moves: nothing
SELECT stage.stage_id
FROM workflows AS workflow
JOIN stages AS stage USING (workflow_id)
CROSS JOIN LATERAL (
    SELECT FROM files AS file WHERE file.stage_id = stage.stage_id AND file.state = 'finding' LIMIT 1
) AS any_file
WHERE workflow.state = 'running'
ORDER BY workflow.priority DESC, random()
LIMIT %(limit)s
