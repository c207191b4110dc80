-- The stages of a workflow, with everything that a user gave for them.
-- Called by models/queries/stages.py. Index: stages_workflow_id_stage_number_key.
-- moves: nothing
SELECT stage.workflow_id, stage.stage_number, stage.stage_id, stage.jobscript_sha256, stage.jobscript_git,
       stage.jobscript_commit,
       (SELECT COALESCE(jsonb_agg(jsonb_build_object(
                   'repository', code.organisation || '/' || code.repository, 'tag', code.tag, 'commit', code.commit,
                   'content_sha256', code.content_sha256, 'path', code.path, 'message', code.message)
               ORDER BY code.repository_id), '[]')
        FROM stage_repositories AS code WHERE code.stage_id = stage.stage_id),
       stage.image, stage.processors, stage.rss_bytes, stage.wall_seconds, stage.max_distance, stage.gpus,
       stage.max_allocations, stage.max_files_per_job,
       (SELECT COALESCE(jsonb_object_agg(variable.name, variable.value), '{}')
        FROM stage_environment AS variable WHERE variable.stage_id = stage.stage_id)
FROM stages AS stage
WHERE stage.workflow_id = %(workflow_id)s
ORDER BY stage.stage_number
