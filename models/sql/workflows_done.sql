-- Running workflows in which nothing is left to do: finding is over, no input is on its way, no output either.
-- Called by completion.workflows_done. Index: workflows_unfinished; per stage one probe each of files_finding,
-- files_waiting and files_held; per workflow one of files_uploading.
-- moves: nothing
SELECT workflow.workflow_id
FROM workflows AS workflow
WHERE workflow.state = 'running' AND workflow.refind_next_at IS NULL
  AND NOT EXISTS (SELECT FROM files AS file
                  WHERE file.workflow_id = workflow.workflow_id AND file.state IN ('recorded', 'uploaded'))
  AND NOT /* unfinished */
ORDER BY workflow.workflow_id
LIMIT %(limit)s
