-- Where all sites are (dozens), retired ones included: jobs may still run there.
-- Called by models/distances.py. Index: none.
-- moves: nothing
SELECT site_id, name, country, region FROM sites ORDER BY site_id
