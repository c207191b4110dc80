-- Write down what tags and branches of a repository are now; an event for each workflow and each change of one.
-- Called by models/code.py. Index: workflows_unfinished, code_references_pkey.
-- moves: nothing
WITH told AS (
    SELECT * FROM unnest(%(references)s::text[], %(commits)s::text[]) AS each (reference, commit)
),
old AS MATERIALIZED (
    SELECT known.*, told.commit AS new_commit, workflow.campaign_id,
           CASE
               WHEN told.commit = known.commit THEN
                   'The ' || known.kind || ' ' || known.reference || ' of ' || known.repository
                   || ' is again at commit ' || left(known.commit, 12) || ', which the workflow runs.'
               WHEN told.commit = '' THEN
                   'The ' || known.kind || ' ' || known.reference || ' of ' || known.repository
                   || ' is gone; the workflow goes on with commit ' || left(known.commit, 12) || '.'
               ELSE
                   'The ' || known.kind || ' ' || known.reference || ' of ' || known.repository || ' is now at commit '
                   || left(told.commit, 12) || '; the workflow goes on with ' || left(known.commit, 12) || '.'
           END AS sentence
    FROM workflows AS workflow
    JOIN code_references AS known USING (workflow_id)
    JOIN told USING (reference)
    WHERE known.repository = %(repository)s AND known.seen_commit <> told.commit
      AND workflow.state NOT IN ('finished', 'failed') AND workflow.state IN ('submitted', 'running', 'paused')
    ORDER BY known.workflow_id, known.reference, known.commit
    -- Of two that were told the same, the second finds it written.
    FOR UPDATE OF known
),
written AS (
    UPDATE code_references AS known
    SET seen_commit = old.new_commit, message = CASE WHEN old.new_commit = known.commit THEN '' ELSE old.sentence END
    FROM old
    WHERE (known.workflow_id, known.repository, known.reference, known.commit)
        = (old.workflow_id, old.repository, old.reference, old.commit)
),
logged AS (
    INSERT INTO events (event_type, actor, workflow_id, campaign_id, details)
    SELECT CASE WHEN old.new_commit = '' THEN 'code_vanished' ELSE 'code_moved' END, %(actor)s::text, old.workflow_id,
           old.campaign_id,
           jsonb_build_object('repository', old.repository, 'reference', old.reference, 'kind', old.kind,
                              'from', old.seen_commit, 'to', old.new_commit, 'runs', old.commit,
                              'message', old.sentence)
    FROM old
)
SELECT workflow_id, repository, reference, new_commit
FROM old
ORDER BY workflow_id, reference, commit
