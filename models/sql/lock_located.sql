-- Lock the files that were asked about and still wait for the answer, and note from which storages each can be read.
-- Called by finding.put_replicas after a COPY into located_replicas; it fills located_files, in the same transaction.
-- Index: files_pkey, replicas_pkey.
-- moves: nothing
INSERT INTO located_files (file_id, place, storage_ids)
SELECT asked.file_id, asked.place, readable.storage_ids
FROM (
    SELECT file.file_id, file.place
    -- In the order of ids, so that two of these never wait for each other; one by one, so that the index is used.
    FROM (SELECT unnest(%(file_ids)s::bigint[]) AS file_id ORDER BY file_id) AS wanted
    CROSS JOIN LATERAL (
        SELECT file.file_id, file.ctid AS place
        FROM files AS file
        WHERE file.file_id = wanted.file_id AND file.stage_id = %(stage_id)s AND file.state = 'finding'
        FOR NO KEY UPDATE
    ) AS file
) AS asked
LEFT JOIN (
    SELECT located.file_id, array_agg(DISTINCT storage.storage_id) AS storage_ids
    FROM located_replicas AS located
    JOIN storages AS storage ON storage.name = located.rse
    -- What is on tape counts once it was brought online.
    WHERE NOT storage.tape OR (
        SELECT known.accessible_until > clock_timestamp()
        FROM replicas AS known
        WHERE known.file_id = located.file_id AND known.storage_id = storage.storage_id)
    GROUP BY located.file_id
) AS readable USING (file_id)
