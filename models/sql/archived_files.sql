-- A batch of the files of an archived workflow that are in the hot tables still.
-- Called by emptying.empty. Index: files_input once per stage, files_output, and files_made for what was dropped.
-- moves: nothing
(SELECT file.file_id
 FROM stages AS stage
 JOIN files AS file ON file.stage_id = stage.stage_id AND file.state <> 'dropped'
 WHERE stage.workflow_id = %(workflow_id)s::int
 LIMIT %(limit)s)
UNION
(SELECT file.file_id
 FROM files AS file
 WHERE file.workflow_id = %(workflow_id)s::int AND file.creator_job_id IS NOT NULL AND file.state <> 'dropped'
 LIMIT %(limit)s)
UNION
(SELECT file.file_id
 FROM jobs AS job
 JOIN files AS file ON file.creator_job_id = job.job_id
 WHERE job.workflow_id = %(workflow_id)s::int
 LIMIT %(limit)s)
