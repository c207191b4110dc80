-- Delete from a table what belongs to files, jobs, stages or a workflow that is archived.
-- Called by emptying.empty, which fills in the table and its column. Index: the table's own, on that column.
-- moves: nothing
DELETE FROM /* table */ WHERE /* column */ = ANY(%(ids)s::bigint[])
