-- A page of events, newest or oldest first.
-- Called by models/queries/events.py, which fills in the order, the bounds and the filters.
-- Index: that of the first filter which has one (events_workflow, events_site and so on), else events_pkey.
-- moves: nothing
SELECT event.event_id, event.event_type, event.time, event.actor, event.workflow_id, stage.stage_number, file.did,
       job.jobsub_id, site.name, event.entry_name, storage.name, event.seconds, event.details, event.source
FROM (
    -- The page first, and then its names.
    SELECT *
    FROM events AS event
    WHERE /* conditions */
    ORDER BY /* page_order */
    LIMIT %(limit)s
) AS event
LEFT JOIN stages AS stage ON stage.stage_id = event.stage_id
LEFT JOIN files AS file ON file.file_id = event.file_id
LEFT JOIN jobs AS job ON job.job_id = event.job_id
LEFT JOIN sites AS site ON site.site_id = event.site_id
LEFT JOIN storages AS storage ON storage.storage_id = event.storage_id
ORDER BY event.event_id /* order */
