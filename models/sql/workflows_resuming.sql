-- Finishing workflows in which something is left to do again, because a user retried files at the same moment.
-- Called by completion.workflows_resuming. Index: workflows_unfinished, and the files_* of one stage.
-- moves: nothing
SELECT workflow.workflow_id
FROM workflows AS workflow
WHERE workflow.state = 'finishing' AND /* unfinished */
ORDER BY workflow.workflow_id
LIMIT %(limit)s
