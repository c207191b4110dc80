-- A page of campaigns, the newest first, with their workflows by state.
-- Called by models/queries/campaigns.py. Index: campaigns_pkey backwards, ix_workflows_campaign_id and
-- ix_archived_workflows_campaign_id.
-- moves: nothing
SELECT campaign.campaign_id, campaign.name, campaign.description, "user".name, campaign.created_at,
       (SELECT COALESCE(jsonb_object_agg(counted.state, counted.workflows), '{}')
        FROM (SELECT own.state, count(*) AS workflows
              FROM (SELECT workflow.workflow_id, workflow.state
                    FROM workflows AS workflow
                    WHERE workflow.campaign_id = campaign.campaign_id
                    -- One that is on its way to the archive is in both tables.
                    UNION
                    SELECT archived.workflow_id, archived.state
                    FROM archived_workflows AS archived
                    WHERE archived.campaign_id = campaign.campaign_id) AS own
              GROUP BY own.state) AS counted)
FROM campaigns AS campaign
JOIN users AS "user" USING (user_id)
WHERE (%(after)s::int IS NULL OR campaign.campaign_id < %(after)s)
  AND (%(campaign_id)s::int IS NULL OR campaign.campaign_id = %(campaign_id)s)
ORDER BY campaign.campaign_id DESC
LIMIT %(limit)s
