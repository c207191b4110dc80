-- The site where a slot is.
-- Called by models/queries/places.py at get_jobscript. Index: sites_name_key.
-- moves: nothing
SELECT site_id, name, enabled, disabled_reason FROM sites WHERE name = %(name)s
