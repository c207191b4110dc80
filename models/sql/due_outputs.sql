-- How many outputs are due to be told to the catalogues, and in nobody's hands.
-- Called by due.outputs. Index: outbox_due.
-- moves: nothing
SELECT count(*)
FROM (SELECT FROM outbox
      WHERE state = 'waiting' AND next_attempt_at <= clock_timestamp()
        AND (leased_until IS NULL OR leased_until <= clock_timestamp())
      LIMIT %(most)s) AS due
