-- Whether nobody has told of entries yet, and of storages: small tables that are asked for often.
-- Called by due.unknown_places. Reads entries (hundreds) and storages (dozens).
-- moves: nothing
SELECT NOT EXISTS (SELECT FROM entries WHERE source <> ''),
       NOT EXISTS (SELECT FROM storages WHERE deterministic IS NOT NULL)
