-- Drop what the job factory decided for stages that it does not look at any more.
-- Called by demand.put_decisions once a cycle. Index: factory_decisions_pkey.
-- moves: nothing
DELETE FROM factory_decisions
WHERE stage_id IN (
    SELECT stage_id
    FROM factory_decisions
    WHERE stage_id <> ALL(%(stage_ids)s::int[])
    -- In order, so that two of these do not wait for each other.
    ORDER BY stage_id
    FOR UPDATE
)
