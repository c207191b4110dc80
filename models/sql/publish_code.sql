-- Note where jobs see a tar of code, and until when; an event for each workflow for which that is new.
-- Called by repositories.published. Index: code_publications_pkey, stage_repositories_code.
-- moves: nothing
WITH known AS (
    UPDATE code_publications
    SET path = %(path)s, renewed_at = clock_timestamp(),
        expires_at = clock_timestamp() + make_interval(secs => %(lifetime_seconds)s)
    WHERE sha256 = %(sha256)s
    RETURNING warning
),
found AS MATERIALIZED (
    SELECT code.repository_id, stage.stage_id, workflow.workflow_id, workflow.campaign_id, code.path AS was
    FROM stage_repositories AS code
    JOIN stages AS stage USING (stage_id)
    JOIN workflows AS workflow USING (workflow_id)
    WHERE (code.organisation, code.repository, code.commit) = (%(organisation)s, %(repository)s, %(commit)s)
      AND workflow.state NOT IN ('finished', 'failed')
    ORDER BY code.repository_id
    -- Of two that publish the same, the second finds it written.
    FOR NO KEY UPDATE OF code
),
written AS (
    UPDATE stage_repositories AS code
    SET content_sha256 = %(sha256)s, path = %(path)s, message = known.warning,
        published_at = CASE WHEN found.was <> %(path)s THEN clock_timestamp() ELSE code.published_at END
    FROM found, known
    WHERE found.repository_id = code.repository_id
      AND (code.content_sha256 <> %(sha256)s OR code.path <> %(path)s OR code.message <> known.warning)
    RETURNING code.repository_id
),
logged AS (
    INSERT INTO events (event_type, actor, source, workflow_id, campaign_id, stage_id, seconds, details)
    SELECT 'code_published', %(actor)s::text, %(source)s::text, found.workflow_id, found.campaign_id, found.stage_id,
           %(seconds)s::float8,
           jsonb_build_object('repository', %(organisation)s::text || '/' || %(repository)s::text, 'commit', %(commit)s::text,
                              'sha256', %(sha256)s::text, 'from', found.was, 'to', %(path)s::text)
           || COALESCE(%(details)s::jsonb, '{}')
    FROM found
    JOIN written USING (repository_id)
    WHERE found.was <> %(path)s
    ORDER BY found.repository_id
)
SELECT DISTINCT found.workflow_id
FROM found
JOIN written USING (repository_id)
WHERE found.was <> %(path)s
ORDER BY found.workflow_id
