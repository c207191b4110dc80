"""Workflows that near their end."""

from models.database import Session
from models.statements import load
from models.watching import WatchedJob

# One probe of an index per state: each is partial, and a list of states would be in none of them.
_UNFINISHED = """EXISTS (
    SELECT
    FROM stages AS stage
    CROSS JOIN LATERAL (
        (SELECT FROM files AS file WHERE file.stage_id = stage.stage_id AND file.state = 'finding' LIMIT 1)
        UNION ALL
        (SELECT FROM files AS file WHERE file.stage_id = stage.stage_id AND file.state = 'unallocated' LIMIT 1)
        UNION ALL
        (SELECT FROM files AS file
         WHERE file.stage_id = stage.stage_id AND file.state IN ('allocated', 'outputting') LIMIT 1)
    ) AS file
    WHERE stage.workflow_id = workflow.workflow_id)"""

_WORKFLOWS_DONE = load("workflows_done", unfinished=_UNFINISHED)
_WORKFLOWS_RESUMING = load("workflows_resuming", unfinished=_UNFINISHED)
_WORKFLOWS_ENDING = load("workflows_ending", unfinished=_UNFINISHED)
_QUEUED_FOR_ENDING = load("queued_for_ending")

MOST_WORKFLOWS = 1000
MOST_JOBS = 1000


def workflows_done(session: Session, limit: int = MOST_WORKFLOWS) -> list[int]:
    """List running workflows with nothing left to find, to process or to register."""
    return _WORKFLOWS_DONE.ids(session, limit=limit)


def workflows_resuming(session: Session, limit: int = MOST_WORKFLOWS) -> list[int]:
    """List finishing workflows in which something is left to do again."""
    return _WORKFLOWS_RESUMING.ids(session, limit=limit)


def workflows_ending(session: Session, limit: int = MOST_WORKFLOWS) -> list[int]:
    """List finishing and cancelling workflows that wait for no job and no output."""
    return _WORKFLOWS_ENDING.ids(session, limit=limit)


def queued_for_ending(session: Session, limit: int = MOST_JOBS) -> list[WatchedJob]:
    """List queued jobs that were meant for finishing or cancelling workflows."""
    return [WatchedJob(*row) for row in _QUEUED_FOR_ENDING.run(session, limit=limit)]
