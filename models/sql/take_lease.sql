-- Take a lease that is free, has run out, or is the holder's own already.
-- Called by leases.take. Index: leases_pkey; of two at once, the later waits for the outcome of the earlier.
-- moves: nothing
INSERT INTO leases AS lease (name, holder, expires_at)
VALUES (%(name)s, %(holder)s, clock_timestamp() + make_interval(secs => %(seconds)s))
ON CONFLICT (name) DO UPDATE
SET holder = EXCLUDED.holder, expires_at = EXCLUDED.expires_at
WHERE lease.holder = EXCLUDED.holder OR lease.expires_at <= clock_timestamp()
RETURNING name
