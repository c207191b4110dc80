-- Note how an outside service answered just now.
-- Called by models/pulses.py. Index: service_pulses_pkey.
-- moves: nothing
INSERT INTO service_pulses (service, answered, seconds, problem, measured_at)
VALUES (%(service)s, %(answered)s, %(seconds)s, %(problem)s, clock_timestamp())
ON CONFLICT (service) DO UPDATE
SET answered = excluded.answered, seconds = excluded.seconds, problem = excluded.problem,
    measured_at = excluded.measured_at
