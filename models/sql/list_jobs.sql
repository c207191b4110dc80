-- A page of jobs, the newest first.
-- Called by models/queries/jobs.py. Index: jobs_workflow with a workflow, else jobs_pkey backwards; events_job,
-- log_archives_pkey.
-- moves: nothing
SELECT job.job_id, job.jobsub_id, job.state, job.state_message, job.workflow_id, stage.stage_number, site.name,
       job.entry_name, job.hostname, job.submitted_at, job.started_at, job.heartbeat_at, job.finished_at,
       job.jobscript_exit, job.real_seconds, job.cpu_seconds, job.max_rss_bytes,
       (SELECT count(*) FROM events AS given
        WHERE given.job_id = job.job_id AND given.event_type = 'file_allocated'
          -- So that no earlier partition is looked at.
          AND given.time >= job.submitted_at),
       (SELECT count(*) FROM files AS made WHERE made.creator_job_id = job.job_id AND made.state <> 'dropped'),
       (SELECT logs.did FROM log_archives AS logs WHERE logs.job_id = job.job_id AND logs.state = 'done'),
       coalesce(job.gpus -> 'gpus', '[]'), job.wrapper_version
FROM jobs AS job
LEFT JOIN stages AS stage ON stage.stage_id = job.stage_id
LEFT JOIN sites AS site ON site.site_id = job.site_id
WHERE (%(after)s::bigint IS NULL OR job.job_id < %(after)s)
  AND (%(jobsub_id)s::text IS NULL OR job.jobsub_id = %(jobsub_id)s)
  AND (%(workflow_id)s::int IS NULL OR job.workflow_id = %(workflow_id)s)
  AND (%(stage_id)s::int IS NULL OR stage.stage_number = %(stage_id)s)
  AND (%(state)s::text IS NULL OR job.state = %(state)s)
  AND (%(site)s::text IS NULL OR site.name = %(site)s)
ORDER BY job.job_id DESC
LIMIT %(limit)s
