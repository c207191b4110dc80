-- The kinds of output of some stages, with what datasets tell of the stage and the workflow.
-- Called by outbox.lease_items. Index: stage_outputs_pkey.
-- moves: nothing
SELECT output.output_id, output.pattern_id, output.pattern, output.destination, output.for_next_stage,
       output.lifetime_seconds, output.rse_expression, workflow.workflow_id, stage.stage_id, stage.stage_number,
       workflow.scope, quota.name, "user".name, workflow.mql, stage.processors, stage.rss_bytes, stage.wall_seconds,
       stage.image, stage.image_digest, stage.jobscript_git, stage.jobscript_commit, stage.jobscript_sha256,
       (SELECT coalesce(jsonb_agg(jsonb_build_array(code.organisation, code.repository, code.tag, code.commit)
                                  ORDER BY code.organisation, code.repository), '[]')
        FROM stage_repositories AS code WHERE code.stage_id = stage.stage_id)
FROM stage_outputs AS output
JOIN stages AS stage USING (stage_id)
JOIN workflows AS workflow USING (workflow_id)
JOIN scopes AS scope ON scope.name = workflow.scope
JOIN quotas AS quota ON quota.quota_id = scope.quota_id
JOIN users AS "user" ON "user".user_id = workflow.user_id
WHERE output.output_id = ANY(%(output_ids)s::int[])
