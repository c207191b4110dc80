-- Retire the storages that Rucio does not know any more, so that nothing is read or written there.
-- Called by models/storages.py. Reads all storages (dozens).
-- moves: nothing
UPDATE storages
SET retired_at = clock_timestamp(), rucio_read = false, rucio_write = false
-- The counters of Monte Carlo workflows lie at no storage of Rucio's, and one made by hand was never seen there.
WHERE deterministic IS NOT NULL AND retired_at IS NULL AND NOT name = ANY(%(names)s::text[])
RETURNING name
