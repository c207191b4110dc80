-- Repositories at commits that unfinished workflows wait for, or use and that are to be renewed; each once, with the
-- hash of its tar where that is known from any workflow.
-- Called by repositories.due. Index: workflows_unfinished, stages_workflow_id_stage_number_key,
-- stage_repositories_stage_id_organisation_repository_key, stage_repositories_code, code_publications_pkey.
-- moves: nothing
SELECT code.organisation, code.repository, code.commit,
       (SELECT COALESCE(max(other.content_sha256), '')
        FROM stage_repositories AS other
        WHERE (other.organisation, other.repository, other.commit)
            = (code.organisation, code.repository, code.commit))
FROM workflows AS workflow
JOIN stages AS stage USING (workflow_id)
JOIN stage_repositories AS code USING (stage_id)
LEFT JOIN code_publications AS known ON known.sha256 = code.content_sha256
WHERE workflow.state NOT IN ('finished', 'failed') AND workflow.state <> 'draft'
  AND (code.path = '' OR known.renewed_at IS NULL
       OR known.renewed_at < clock_timestamp() - make_interval(secs => %(renew_seconds)s))
GROUP BY code.organisation, code.repository, code.commit
ORDER BY bool_or(code.path = '') DESC, min(workflow.submitted_at), code.organisation, code.repository, code.commit
LIMIT %(limit)s
