-- Note which tar a repository is at a commit, for all stages that want it.
-- Called by repositories.name_content. Index: stage_repositories_code, code_publications_pkey.
-- moves: nothing
WITH known AS (
    INSERT INTO code_publications (sha256, size_bytes, warning, path)
    VALUES (%(sha256)s, %(size_bytes)s, %(warning)s, '')
    ON CONFLICT (sha256) DO NOTHING
),
stale AS (
    SELECT code.repository_id
    FROM stage_repositories AS code
    JOIN stages AS stage USING (stage_id)
    JOIN workflows AS workflow USING (workflow_id)
    WHERE (code.organisation, code.repository, code.commit) = (%(organisation)s, %(repository)s, %(commit)s)
      AND code.content_sha256 <> %(sha256)s AND workflow.state NOT IN ('finished', 'failed')
    ORDER BY code.repository_id
    FOR NO KEY UPDATE OF code
)
UPDATE stage_repositories AS code
SET content_sha256 = %(sha256)s
FROM stale
WHERE stale.repository_id = code.repository_id
