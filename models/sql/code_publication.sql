-- What is known of a tar of code.
-- Called by repositories.publication. Index: code_publications_pkey.
-- moves: nothing
SELECT sha256, path, warning,
       COALESCE(sent_at > clock_timestamp() - make_interval(secs => %(resend_seconds)s), false)
FROM code_publications
WHERE sha256 = %(sha256)s
