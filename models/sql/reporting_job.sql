-- What of a job, its site, stage and workflow goes into its outputs' names and metadata.
-- Called by models/reports.py at record_results. Index: jobs_pkey.
-- moves: nothing
SELECT job.jobsub_id, site.name, job.site_id, workflow.workflow_id, stage.stage_id, stage.stage_number,
       workflow.scope, "user".name, job.hostname, job.cpuinfo, job.os_release,
       stage.image_digest
FROM jobs AS job
JOIN stages AS stage USING (stage_id)
JOIN workflows AS workflow ON workflow.workflow_id = stage.workflow_id
JOIN users AS "user" USING (user_id)
JOIN sites AS site USING (site_id)
WHERE job.job_id = %(job_id)s
