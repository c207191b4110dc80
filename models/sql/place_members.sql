-- What files that a catalogue has in a dataset are to us: `member`, `waiting` when they are still on their way,
-- `dropped`, `elsewhere` when they belong into other datasets only, or nothing of ours.
-- Called by reconciliation.place_members. Index: files_output, files_dropped, outbox_file_id_key.
-- moves: nothing
SELECT asked.did, file.file_id,
       CASE WHEN file.file_id IS NULL THEN 'foreign'
            WHEN file.state = 'dropped' THEN 'dropped'
            WHEN file.state IN ('recorded', 'uploaded') OR item.state IS DISTINCT FROM 'done' THEN 'waiting'
            WHEN file.output_id = %(output_id)s
             AND CASE %(kind)s WHEN 'rse' THEN item.storage_id = %(storage_id)s::int
                               WHEN 'numbered' THEN item.dataset_number = %(number)s::int
                               ELSE true END THEN 'member'
            ELSE 'elsewhere' END
FROM unnest(%(dids)s::text[]) AS asked (did)
LEFT JOIN LATERAL (
    (SELECT live.* FROM files AS live
     WHERE live.workflow_id = %(workflow_id)s AND live.did = asked.did AND live.creator_job_id IS NOT NULL
       AND live.state <> 'dropped')
    UNION ALL
    (SELECT gone.* FROM files AS gone
     WHERE gone.workflow_id = %(workflow_id)s AND gone.did = asked.did AND gone.creator_job_id IS NOT NULL
       AND gone.state = 'dropped')
    LIMIT 1
) AS file ON true
LEFT JOIN outbox AS item ON item.file_id = file.file_id
