-- A nonce that may not come again, from a call whose own transaction is rolled back.
-- Called by models/calls.py. Index: request_nonces_pkey.
-- moves: nothing
INSERT INTO request_nonces (nonce) VALUES (%(nonce)s) ON CONFLICT DO NOTHING
