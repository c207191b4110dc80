-- Give each output that has none the number of a dataset with room, and return the numbers of all.
-- Called by datasets.numbers, which has locked the kinds of output. Index: outbox_file_id_key.
-- moves: nothing
WITH asked AS (
    SELECT item.outbox_id, item.file_id, item.dataset_number, file.output_id
    FROM outbox AS item
    JOIN files AS file USING (file_id)
    WHERE item.file_id = ANY(%(file_ids)s::bigint[])
),
fresh AS (
    SELECT outbox_id, output_id, row_number() OVER (PARTITION BY output_id ORDER BY outbox_id) - 1 AS place
    FROM asked
    WHERE dataset_number IS NULL
),
counted AS (
    UPDATE stage_outputs AS output
    SET numbered_files = output.numbered_files + more.files
    FROM (SELECT output_id, count(*) AS files FROM fresh GROUP BY output_id) AS more
    WHERE output.output_id = more.output_id
    RETURNING output.output_id, output.numbered_files - more.files AS before
),
numbered AS (
    UPDATE outbox AS item
    SET dataset_number = (counted.before + fresh.place) / %(size)s + 1
    FROM fresh
    JOIN counted USING (output_id)
    WHERE item.outbox_id = fresh.outbox_id
    RETURNING item.file_id, item.dataset_number
)
SELECT file_id, dataset_number FROM numbered
UNION ALL
SELECT file_id, dataset_number FROM asked WHERE dataset_number IS NOT NULL
