-- Keep the sealed token of a user in the place of the one before, and return when that would have expired.
-- Called by scratch.put_token. Index: scratch_tokens_pkey.
-- moves: nothing
WITH old AS (
    SELECT token.expires_at FROM scratch_tokens AS token WHERE token.user_id = %(user_id)s::int
),
written AS (
    INSERT INTO scratch_tokens (user_id, sealed, expires_at)
    VALUES (%(user_id)s::int, %(sealed)s::bytea, %(expires_at)s::timestamptz)
    ON CONFLICT (user_id) DO UPDATE
    SET sealed = excluded.sealed, expires_at = excluded.expires_at, set_at = clock_timestamp()
)
SELECT (SELECT old.expires_at FROM old)
