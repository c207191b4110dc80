-- Forget nonces of requests that would be refused as too old anyway.
-- Called by calls.forget_nonces. Index: none; the table holds minutes' worth of requests.
-- moves: nothing
DELETE FROM request_nonces WHERE seen_at < clock_timestamp() - make_interval(secs => %(seconds)s)
