-- Give a lease back, unless it is another's by now.
-- Called by leases.release. Index: leases_pkey.
-- moves: nothing
DELETE FROM leases
WHERE name = %(name)s AND holder = %(holder)s
RETURNING name
