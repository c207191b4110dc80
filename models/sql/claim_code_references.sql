-- The tags and branches of one repository that running workflows have their code from, when its host was not asked for
-- so long; they count as asked from now on. What another cycle has in hand is left to it.
-- Called by models/code.py. Index: workflows_unfinished, code_references_pkey.
-- moves: nothing
WITH watched AS (
    SELECT known.*
    FROM workflows AS workflow
    JOIN code_references AS known USING (workflow_id)
    WHERE workflow.state NOT IN ('finished', 'failed') AND workflow.state IN ('submitted', 'running', 'paused')
),
due AS MATERIALIZED (
    SELECT known.repository
    FROM code_references AS known
    WHERE known.checked_at < clock_timestamp() - make_interval(secs => %(every_seconds)s)
      AND known.workflow_id IN (SELECT workflow_id FROM watched)
    ORDER BY known.checked_at
    LIMIT 1
    FOR UPDATE SKIP LOCKED
),
free AS MATERIALIZED (
    SELECT known.workflow_id, known.repository, known.reference, known.commit
    FROM code_references AS known
    WHERE known.repository = (SELECT repository FROM due) AND known.workflow_id IN (SELECT workflow_id FROM watched)
    FOR UPDATE SKIP LOCKED
)
UPDATE code_references AS known
SET checked_at = clock_timestamp()
FROM free
WHERE (known.workflow_id, known.repository, known.reference, known.commit)
    = (free.workflow_id, free.repository, free.reference, free.commit)
RETURNING known.repository, known.reference
