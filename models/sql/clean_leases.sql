-- Drop the leases that ran out: names of what no longer exists would stay for ever.
-- Called by leases.clean. Reads all leases (dozens); leaves those that are being taken.
-- moves: nothing
DELETE FROM leases
WHERE name IN (
    SELECT name FROM leases WHERE expires_at <= clock_timestamp() ORDER BY name FOR UPDATE SKIP LOCKED
)
RETURNING name
