-- What jobs have told of each stage of a workflow: of the newest ones that started and ended, at most so many a stage.
-- Called by models/queries/outcomes.py. Index: stages_workflow_id_stage_number_key, jobs_ended_of_stage.
-- moves: nothing
SELECT stage.stage_number, stage.image_digest, told.wrapper_versions, told.ended_jobs, told.finished_jobs,
       told.real_seconds, told.cpu_efficiency, told.max_rss_bytes, told.failures
FROM stages AS stage
CROSS JOIN LATERAL (
    WITH ended AS (
        SELECT job.state, job.state_message, job.jobscript_exit, job.wrapper_version, job.real_seconds,
               job.cpu_seconds / NULLIF(job.real_seconds * stage.processors, 0) AS cpu_efficiency, job.max_rss_bytes
        FROM jobs AS job
        WHERE job.stage_id = stage.stage_id AND job.finished_at IS NOT NULL AND job.started_at IS NOT NULL
        ORDER BY job.finished_at DESC
        LIMIT %(most)s
    ), failed AS (
        SELECT ways.way, count(*) AS jobs
        FROM (
            -- What makes a way to fail is what justin/outcomes.py takes for one.
            SELECT CASE WHEN state = 'jobscript_error' AND jobscript_exit IS NOT NULL
                        THEN state || ': exit ' || jobscript_exit
                        ELSE concat_ws(': ', state, NULLIF(regexp_replace(
                                 rtrim(split_part(state_message, '. ', 1), '.'), '\m[0-9]+', '#', 'g'), '')) END AS way
            FROM ended
            WHERE NOT state = ANY(%(well)s)
        ) AS ways
        GROUP BY ways.way
        ORDER BY count(*) DESC, ways.way COLLATE "C"
        LIMIT %(most_failures)s
    )
    SELECT count(*) AS ended_jobs, count(*) FILTER (WHERE state = 'finished') AS finished_jobs,
           coalesce(array_agg(DISTINCT wrapper_version ORDER BY wrapper_version)
                        FILTER (WHERE wrapper_version <> ''), '{}') AS wrapper_versions,
           percentile_disc(0.5) WITHIN GROUP (ORDER BY real_seconds)
               FILTER (WHERE state = 'finished') AS real_seconds,
           percentile_disc(0.5) WITHIN GROUP (ORDER BY cpu_efficiency)
               FILTER (WHERE state = 'finished') AS cpu_efficiency,
           percentile_disc(0.5) WITHIN GROUP (ORDER BY max_rss_bytes)
               FILTER (WHERE state = 'finished') AS max_rss_bytes,
           (SELECT coalesce(jsonb_agg(jsonb_build_array(way, jobs) ORDER BY jobs DESC, way COLLATE "C"), '[]')
            FROM failed) AS failures
    FROM ended
) AS told
WHERE stage.workflow_id = %(workflow_id)s
ORDER BY stage.stage_number
