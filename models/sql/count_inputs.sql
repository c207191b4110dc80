-- How many inputs a stage has.
-- Called by finding.count_inputs. Index: files_input, without the table.
-- moves: nothing
SELECT count(*) FROM files WHERE stage_id = %(stage_id)s AND state <> 'dropped'
