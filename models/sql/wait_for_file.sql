-- Wait until whoever has a file in hand is done with it. Taking the lock is the waiting; it goes with the transaction.
-- Called by matching.claim_files when others have locked all that is left. Index: files_pkey.
-- moves: nothing
SELECT file_id FROM files WHERE file_id = %(file_id)s FOR NO KEY UPDATE
