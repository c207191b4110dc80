-- Keep a lease for longer, unless another has taken it since it ran out.
-- Called by leases.renew. Index: leases_pkey.
-- moves: nothing
UPDATE leases
SET expires_at = clock_timestamp() + make_interval(secs => %(seconds)s)
WHERE name = %(name)s AND holder = %(holder)s
RETURNING name
