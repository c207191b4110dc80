-- Keep where the files of a stage that are in finding lie, and forget where they lie no longer.
-- Called by finding.put_replicas after a COPY into located_replicas. Index: files_pkey, replicas_pkey.
-- moves: nothing
WITH asked AS MATERIALIZED (
    SELECT file.file_id
    FROM files AS file
    WHERE file.file_id = ANY(%(file_ids)s::bigint[]) AND file.stage_id = %(stage_id)s AND file.state = 'finding'
    ORDER BY file.file_id
    FOR NO KEY UPDATE
),
copy AS MATERIALIZED (
    SELECT DISTINCT ON (asked.file_id, storage.storage_id) asked.file_id, storage.storage_id, located.wan_pfn,
           nullif(located.lan_pfn, located.wan_pfn) AS lan_pfn
    FROM asked
    JOIN located_replicas AS located USING (file_id)
    JOIN storages AS storage ON storage.name = located.rse
    ORDER BY asked.file_id, storage.storage_id
),
gone AS (
    DELETE FROM replicas AS known
    USING asked
    WHERE known.file_id = asked.file_id
      AND NOT EXISTS (SELECT FROM copy WHERE copy.file_id = known.file_id AND copy.storage_id = known.storage_id)
),
kept AS (
    INSERT INTO replicas (file_id, storage_id, wan_pfn, lan_pfn)
    SELECT file_id, storage_id, wan_pfn, lan_pfn FROM copy
    ON CONFLICT (file_id, storage_id) DO UPDATE SET wan_pfn = EXCLUDED.wan_pfn, lan_pfn = EXCLUDED.lan_pfn
)
SELECT file_id FROM asked
