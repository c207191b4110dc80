-- Tell the owners of unfinished workflows how it is with a repository that they use.
-- Called by repositories.note. Index: stage_repositories_code.
-- moves: nothing
WITH found AS (
    SELECT code.repository_id
    FROM stage_repositories AS code
    JOIN stages AS stage USING (stage_id)
    JOIN workflows AS workflow USING (workflow_id)
    WHERE (code.organisation, code.repository, code.commit) = (%(organisation)s, %(repository)s, %(commit)s)
      AND code.message <> %(message)s AND workflow.state NOT IN ('finished', 'failed')
    ORDER BY code.repository_id
    FOR NO KEY UPDATE OF code
)
UPDATE stage_repositories AS code
SET message = %(message)s
FROM found
WHERE found.repository_id = code.repository_id
