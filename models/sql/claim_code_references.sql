-- The tags and branches of one repository that running workflows have their code from, when its host was not asked for
-- so long; they count as asked from now on.
-- Called by models/code.py. Index: workflows_unfinished, code_references_pkey.
-- moves: nothing
WITH due AS (
    SELECT known.repository
    FROM workflows AS workflow
    JOIN code_references AS known USING (workflow_id)
    WHERE workflow.state NOT IN ('finished', 'failed') AND workflow.state IN ('submitted', 'running', 'paused')
      AND known.checked_at < clock_timestamp() - make_interval(secs => %(every_seconds)s)
    ORDER BY known.checked_at
    LIMIT 1
    FOR UPDATE OF known SKIP LOCKED
)
UPDATE code_references AS known
SET checked_at = clock_timestamp()
FROM due, workflows AS workflow
WHERE known.repository = due.repository AND workflow.workflow_id = known.workflow_id
  AND workflow.state NOT IN ('finished', 'failed') AND workflow.state IN ('submitted', 'running', 'paused')
RETURNING known.repository, known.reference
