-- The time by PostgreSQL's clock.
-- Called by reconciliation.clock.
-- moves: nothing
SELECT clock_timestamp()
