-- A workflow as its owner could submit it again; finding anew is left out when its time is over.
-- Called by models/queries/specs.py. Index: workflows_pkey, and those of its stages' parts on stage_id.
-- moves: nothing
SELECT jsonb_build_object(
    'name', workflow.name, 'description', workflow.description, 'scope', workflow.scope,
    'campaign_id', workflow.campaign_id, 'mql', workflow.mql, 'priority', workflow.priority,
    'refind_interval_hours', CASE WHEN workflow.refind_until > clock_timestamp()
                                  THEN workflow.refind_interval_seconds / 3600.0 END,
    'refind_until', CASE WHEN workflow.refind_until > clock_timestamp() THEN workflow.refind_until END,
    'stages', (SELECT coalesce(jsonb_agg(jsonb_build_object(
        'jobscript', stage.jobscript,
        'jobscript_git', CASE WHEN stage.jobscript = '' THEN stage.jobscript_git ELSE '' END,
        'git_repos', (SELECT coalesce(jsonb_agg(jsonb_build_object(
                          'organisation', code.organisation, 'repository', code.repository, 'tag', code.tag)
                          ORDER BY code.repository_id), '[]')
                      FROM stage_repositories AS code WHERE code.stage_id = stage.stage_id),
        'image', stage.image, 'processors', stage.processors, 'rss_mib', stage.rss_bytes / 1048576,
        'wall_seconds', stage.wall_seconds, 'max_distance', stage.max_distance,
        'gpus', CASE WHEN stage.gpus > 0 THEN jsonb_build_object(
            'count', stage.gpus, 'min_memory_mib', stage.gpu_memory_bytes / 1048576,
            'min_capability', stage.gpu_min_capability, 'max_capability', stage.gpu_max_capability,
            'min_runtime', stage.gpu_min_runtime, 'model', stage.gpu_model) END,
        'outputs', (SELECT coalesce(jsonb_agg(jsonb_build_object(
                        'pattern', output.pattern, 'destination', output.destination,
                        'for_next_stage', output.for_next_stage, 'rse_expression', output.rse_expression,
                        'lifetime_days', output.lifetime_seconds / 86400.0) ORDER BY output.pattern_id), '[]')
                    FROM stage_outputs AS output WHERE output.stage_id = stage.stage_id),
        'output_rses', (SELECT coalesce(jsonb_agg(storage.name ORDER BY chosen.position), '[]')
                        FROM stage_storages AS chosen JOIN storages AS storage USING (storage_id)
                        WHERE chosen.stage_id = stage.stage_id AND NOT chosen.for_input),
        'input_rses', (SELECT coalesce(jsonb_agg(storage.name ORDER BY chosen.position), '[]')
                       FROM stage_storages AS chosen JOIN storages AS storage USING (storage_id)
                       WHERE chosen.stage_id = stage.stage_id AND chosen.for_input),
        'sites', (SELECT coalesce(jsonb_agg(site.name ORDER BY site.name), '[]')
                  FROM stage_sites AS chosen JOIN sites AS site USING (site_id)
                  WHERE chosen.stage_id = stage.stage_id),
        'environment', (SELECT coalesce(jsonb_object_agg(variable.name, variable.value), '{}')
                        FROM stage_environment AS variable WHERE variable.stage_id = stage.stage_id),
        'classads', coalesce(stage.classads, '{}'),
        'max_allocations', stage.max_allocations, 'max_files_per_job', stage.max_files_per_job,
        'max_jobs', stage.max_jobs) ORDER BY stage.stage_number), '[]')
        FROM stages AS stage WHERE stage.workflow_id = workflow.workflow_id))
FROM workflows AS workflow
WHERE workflow.workflow_id = %(workflow_id)s::int
