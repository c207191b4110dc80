-- Forget the token of a user, and return when it would have expired.
-- Called by scratch.drop_token. Index: scratch_tokens_pkey.
-- moves: nothing
DELETE FROM scratch_tokens AS token WHERE token.user_id = %(user_id)s::int RETURNING token.expires_at
