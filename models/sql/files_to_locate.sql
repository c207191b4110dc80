-- Some of a stage's files whose copies are to be looked for, in the order of ids.
-- Called by finding.files_to_locate. Index: files_finding.
-- moves: nothing
SELECT file_id, did
FROM files
WHERE stage_id = %(stage_id)s AND state = 'finding' AND file_id > %(after)s
ORDER BY file_id
LIMIT %(limit)s
