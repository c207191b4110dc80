-- A job asks where to put its logs: count that, and return what it was told before.
-- Called by log_archives.ask. Index: log_archives_pkey.
-- moves: logs, (new) -> offered
INSERT INTO log_archives AS archive (job_id, did, state, offers, attempts, last_error)
VALUES (%(job_id)s, %(did)s, 'offered', 1, 0, '')
ON CONFLICT (job_id) DO UPDATE SET offers = archive.offers + 1
RETURNING archive.did, archive.state, archive.offers, archive.targets
