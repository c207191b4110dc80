-- Begin to count the jobs of a stage and of its quota.
-- Called by matching.bind_job before a stage's first job. Index: stage_loads_pkey, quota_loads_pkey.
-- moves: nothing
WITH stage_begun AS (
    INSERT INTO stage_loads (stage_id, running_jobs, unasked_jobs) VALUES (%(stage_id)s, 0, 0) ON CONFLICT DO NOTHING
)
INSERT INTO quota_loads (quota_id, running_jobs)
SELECT scope.quota_id, 0
FROM stages AS stage
JOIN workflows AS workflow ON workflow.workflow_id = stage.workflow_id
JOIN scopes AS scope ON scope.name = workflow.scope
WHERE stage.stage_id = %(stage_id)s
ON CONFLICT DO NOTHING
