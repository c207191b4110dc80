-- Whether a located copy can be read: what is on tape counts once it was brought online.
-- Part of put_replicas and ensure_located_placements. Index: replicas_pkey, for tapes only.
(NOT storage.tape OR coalesce((
    SELECT known.accessible_until > clock_timestamp()
    FROM replicas AS known
    WHERE known.file_id = located.file_id AND known.storage_id = storage.storage_id), false))
