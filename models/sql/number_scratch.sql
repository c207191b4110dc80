-- Count so many more files into the directories of a kind of output, and return how many there were before.
-- Called by scratch.numbers: who numbers files waits here for others who do. Index: stage_outputs_pkey.
-- moves: nothing
UPDATE stage_outputs AS output
SET numbered_files = output.numbered_files + %(files)s::int
WHERE output.output_id = %(output_id)s::int
RETURNING output.numbered_files - %(files)s::int
