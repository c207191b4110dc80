-- The image of a stage is known to the byte once a job has run in it.
-- Called by reports.note_image. Index: stages_pkey.
-- moves: nothing
UPDATE stages SET image_digest = %(digest)s::text WHERE stage_id = %(stage_id)s AND image_digest = ''
