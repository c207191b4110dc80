-- The kinds of output of some stages, with what datasets tell of the stage and the workflow.
-- Called by outbox.lease_items. Index: stage_outputs_pkey.
-- moves: nothing
SELECT output.output_id, output.pattern_id, output.pattern, output.destination, output.for_next_stage,
       output.lifetime_seconds, output.rse_expression, workflow.workflow_id, stage.stage_id, stage.stage_number,
       workflow.scope, quota.name, "user".name, workflow.mql, stage.processors, stage.rss_bytes, stage.wall_seconds,
       stage.image, stage.image_digest, stage.jobscript_git, stage.jobscript_commit, stage.jobscript_sha256,
       (SELECT coalesce(jsonb_agg(jsonb_build_object('repository', code.organisation || '/' || code.repository,
                                                     'tag', code.tag, 'commit', code.commit,
                                                     'content_sha256', code.content_sha256)
                                  ORDER BY code.organisation, code.repository), '[]')
        FROM stage_repositories AS code WHERE code.stage_id = stage.stage_id),
       stage.jobscript,
       (SELECT coalesce(jsonb_object_agg(variable.name, variable.value), '{}')
        FROM stage_environment AS variable WHERE variable.stage_id = stage.stage_id),
       stage.max_distance, stage.max_files_per_job, stage.classads, stage.gpus,
       jsonb_strip_nulls(jsonb_build_object(
           'gpu_memory_bytes', stage.gpu_memory_bytes, 'gpu_min_capability', stage.gpu_min_capability,
           'gpu_max_capability', stage.gpu_max_capability, 'gpu_min_runtime', stage.gpu_min_runtime,
           'gpu_model', nullif(stage.gpu_model, '')))
FROM stage_outputs AS output
JOIN stages AS stage USING (stage_id)
JOIN workflows AS workflow USING (workflow_id)
JOIN scopes AS scope ON scope.name = workflow.scope
JOIN quotas AS quota ON quota.quota_id = scope.quota_id
JOIN users AS "user" ON "user".user_id = workflow.user_id
WHERE output.output_id = ANY(%(output_ids)s::int[])
