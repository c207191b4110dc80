-- Note up to when changes in a schedd are known, and, when all its jobs were looked at, that they were.
-- Called by watching.put_mark. Index: pool_marks_pkey.
-- moves: nothing
INSERT INTO pool_marks AS mark (schedd, mark_seconds, looked_at)
VALUES (%(schedd)s, %(mark_seconds)s, clock_timestamp())
ON CONFLICT (schedd) DO UPDATE
SET mark_seconds = EXCLUDED.mark_seconds,
    looked_at = CASE WHEN %(looked)s::boolean THEN EXCLUDED.looked_at ELSE mark.looked_at END
