-- The work of a job that has its stage.
-- Called by models/work.py at get_jobscript. Index: jobs_pkey.
-- moves: nothing
SELECT job.jobsub_id, workflow.workflow_id, stage.stage_number, workflow.scope, workflow.mql, site.name, "user".name,
       stage.jobscript, stage.image, job.jobscript_secret, stage.processors, stage.rss_bytes, stage.wall_seconds,
       stage.gpus,
       (SELECT COALESCE(jsonb_agg(jsonb_build_array(variable.name, variable.value) ORDER BY variable.position), '[]')
        FROM stage_environment AS variable WHERE variable.stage_id = stage.stage_id),
       (SELECT COALESCE(jsonb_agg(jsonb_build_array(output.pattern_id, output.pattern, output.for_next_stage)
                                  ORDER BY output.pattern_id), '[]')
        FROM stage_outputs AS output WHERE output.stage_id = stage.stage_id),
       (SELECT COALESCE(jsonb_agg(jsonb_build_array(code.organisation, code.repository, code.path)
                                  ORDER BY code.repository_id), '[]')
        FROM stage_repositories AS code WHERE code.stage_id = stage.stage_id)
FROM jobs AS job
JOIN stages AS stage USING (stage_id)
JOIN workflows AS workflow ON workflow.workflow_id = stage.workflow_id
JOIN users AS "user" USING (user_id)
JOIN sites AS site USING (site_id)
WHERE job.job_id = %(job_id)s
