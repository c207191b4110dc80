-- Workflows that are finishing or being cancelled, and of which no job runs and no output is on its way any more.
-- Called by completion.workflows_ending. Index: workflows_unfinished, jobs_stage, files_uploading.
-- moves: nothing
SELECT workflow.workflow_id
FROM workflows AS workflow
WHERE (workflow.state = 'cancelling' OR (workflow.state = 'finishing' AND NOT /* unfinished */))
  AND NOT EXISTS (SELECT FROM files AS file
                  WHERE file.workflow_id = workflow.workflow_id AND file.state IN ('recorded', 'uploaded'))
  AND NOT EXISTS (
      SELECT
      FROM stages AS stage
      JOIN jobs AS job ON job.stage_id = stage.stage_id AND job.state IN ('started', 'processing', 'outputting')
      WHERE stage.workflow_id = workflow.workflow_id)
ORDER BY workflow.workflow_id
LIMIT %(limit)s
