-- A page of events, newest or oldest first.
-- Called by models/queries/events.py, which fills in both the order and what lies beyond the page before. Index: events_file with a DID, events_job with a job, events_workflow with a
-- workflow, else events_pkey.
-- moves: nothing
SELECT event.event_id, event.event_type, event.time, event.actor, event.workflow_id, stage.stage_number, file.did,
       job.jobsub_id, site.name, event.entry_name, storage.name, event.seconds, event.details
FROM events AS event
LEFT JOIN stages AS stage ON stage.stage_id = event.stage_id
LEFT JOIN files AS file ON file.file_id = event.file_id
LEFT JOIN jobs AS job ON job.job_id = event.job_id
LEFT JOIN sites AS site ON site.site_id = event.site_id
LEFT JOIN storages AS storage ON storage.storage_id = event.storage_id
WHERE event.event_id /* beyond */ %(after)s
  AND (%(workflow_id)s::int IS NULL OR event.workflow_id = %(workflow_id)s)
  AND (%(stage_id)s::int IS NULL OR stage.stage_number = %(stage_id)s)
  AND (%(event_type)s::text IS NULL OR event.event_type = %(event_type)s)
  AND (%(job)s::text IS NULL OR event.job_id = (SELECT own.job_id FROM jobs AS own WHERE own.jobsub_id = %(job)s))
  AND (%(did)s::text IS NULL OR event.file_id IN (
        SELECT taken.file_id FROM files AS taken
        WHERE taken.did = %(did)s
          AND taken.stage_id IN (SELECT own.stage_id FROM stages AS own WHERE own.workflow_id = %(workflow_id)s)
        UNION ALL
        SELECT made.file_id FROM files AS made
        WHERE made.did = %(did)s AND made.workflow_id = %(workflow_id)s AND made.creator_job_id IS NOT NULL))
ORDER BY event.event_id /* order */
LIMIT %(limit)s
