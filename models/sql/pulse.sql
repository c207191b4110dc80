-- How an outside service answered, unless that is too long ago.
-- Called by models/pulses.py. Index: service_pulses_pkey.
-- moves: nothing
SELECT answered, seconds, problem
FROM service_pulses
WHERE service = %(service)s AND measured_at > clock_timestamp() - make_interval(secs => %(max_age_seconds)s)
