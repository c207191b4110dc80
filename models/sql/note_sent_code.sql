-- Note that a tar of code was sent just now.
-- Called by repositories.note_sent. Index: code_publications_pkey.
-- moves: nothing
UPDATE code_publications
SET sent_at = clock_timestamp()
WHERE sha256 = %(sha256)s
