"""References of running workflows: who asks for them, and what is told of them."""

from datetime import UTC, datetime

import pytest
from sqlmodel import select, update

from engine.runtime import Runtime
from justin.states import WorkflowState
from models import code
from models.code import ResolvedReference
from models.database import Session
from models.moves import Reason
from models.records import Event
from models.workflows import CodeReference
from tests.support.makers import key, make_workflow

HOUR = 3600.0
OLD, NEW = "1" * 40, "2" * 40
BECAUSE = Reason("repositories")


def watched(session: Session, *repositories: str, state: WorkflowState = WorkflowState.RUNNING) -> int:
    """Make a workflow that has code from tags v1, which were asked for long ago."""
    workflow_id = key(make_workflow(session, state=state).workflow_id)
    code.watch(session, workflow_id, [ResolvedReference(each, "v1", "tag", OLD) for each in repositories])
    session.exec(update(CodeReference).values(checked_at=datetime(2020, 1, 1, tzinfo=UTC)))
    return workflow_id


def test_a_reference_is_remembered_once_and_a_commit_never(session: Session) -> None:
    workflow_id = watched(session, "dune/a")
    again = [ResolvedReference("dune/a", "v1", "tag", OLD), ResolvedReference("dune/a", NEW, "commit", NEW)]

    code.watch(session, workflow_id, again)

    assert [each.reference for each in session.exec(select(CodeReference)).all()] == ["v1"]


@pytest.mark.parametrize("state", list(WorkflowState))
def test_only_what_runs_or_will_run_is_asked_for(session: Session, state: WorkflowState) -> None:
    watched(session, "dune/a", state=state)

    claimed = code.claim(session, HOUR)

    asked = state in {WorkflowState.SUBMITTED, WorkflowState.RUNNING, WorkflowState.PAUSED}
    assert (claimed is not None) == asked
    assert len(code.note(session, "dune/a", {"v1": NEW}, BECAUSE)) == asked


def test_two_cycles_at_once_ask_for_different_repositories(runtime: Runtime) -> None:
    with runtime.session() as session:
        watched(session, "dune/a", "dune/b")
    with runtime.session() as one, runtime.session() as other:
        claimed = [code.claim(one, HOUR), code.claim(other, HOUR), code.claim(one, HOUR)]

    assert sorted(each.repository for each in claimed if each) == ["dune/a", "dune/b"]


def test_what_is_told_twice_is_written_once(session: Session) -> None:
    workflow_id = watched(session, "dune/a", "dune/b")

    first, second = (code.note(session, "dune/a", {"v1": NEW, "other": OLD}, BECAUSE) for _ in range(2))

    assert ([each.workflow_id for each in first], second) == ([workflow_id], [])
    (event,) = session.exec(select(Event).where(Event.workflow_id == workflow_id)).all()
    assert (event.event_type, event.actor) == ("code_moved", "repositories")
    assert event.details == {
        "repository": "dune/a",
        "reference": "v1",
        "kind": "tag",
        "from": OLD,
        "to": NEW,
        "runs": OLD,
        "message": f"The tag v1 of dune/a is now at commit {NEW[:12]}; the workflow goes on with {OLD[:12]}.",
    }
    assert code.warnings(session, [workflow_id, 0]) == {workflow_id: [event.details["message"]]}
