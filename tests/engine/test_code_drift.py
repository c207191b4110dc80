"""Tags that move while a workflow runs: it keeps its commit, and its owner is told, once for each change."""

import uuid
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlmodel import col, select, update

from engine import code_drift, people, steering, submission, viewing
from engine.adapters.git_mirrors import GitMirrors
from engine.code_drift import DriftReport
from engine.runtime import Runtime
from engine.submission import Submission
from justin.schemas.specs import RepositorySpec, StageSpec, WorkflowSpec
from justin.states import WorkflowState
from models.records import Event
from models.workflows import CodeReference, Stage, StageRepository
from tests.support.makers import make_scope
from tests.support.repositories import Repository, make_repository


@pytest.fixture
def watching(runtime: Runtime) -> Runtime:
    with runtime.session() as session:
        make_scope(session)
    return runtime


@pytest.fixture
def code(runtime: Runtime) -> Repository:
    made = make_repository(Path(str(runtime.settings.git.directory)), f"dune/{uuid.uuid4().hex}")
    made.commit({"x.jobscript": "#!/bin/sh\n"})
    made.tag("v1", annotated=True)
    return made


def submit(runtime: Runtime, code: Repository, reference: str = "v1") -> int:
    stages = [
        StageSpec(
            jobscript_git=f"{code.name}/x.jobscript:{reference}",
            git_repos=[RepositorySpec.parse(f"{code.name}:{reference}")],
        )
    ]
    with runtime.session() as session:
        caller = people.identify(session, "alice")
    wanted = WorkflowSpec(mql="monte-carlo 1", stages=stages)
    return submission.create_workflow(runtime, caller, Submission(wanted, submit=True))


def watch(runtime: Runtime) -> DriftReport:
    """Do a round when every host may be asked again."""
    with runtime.session() as session:
        session.exec(update(CodeReference).values(checked_at=datetime(2020, 1, 1, tzinfo=UTC)))
    return code_drift.watch_references(runtime)


def told(runtime: Runtime, workflow_id: int) -> list[tuple[str, str, str]]:
    with runtime.session() as session:
        found = session.exec(
            select(Event).where(Event.workflow_id == workflow_id, col(Event.event_type).like("code_%"))
        ).all()
        return [(each.event_type, (each.details or {})["from"], (each.details or {})["to"]) for each in found]


def warnings(runtime: Runtime, workflow_id: int) -> list[str]:
    with runtime.session() as session:
        return viewing.workflow(session, workflow_id).warnings


def test_what_has_not_moved_is_not_told(watching: Runtime, code: Repository) -> None:
    workflow_id = submit(watching, code)

    assert watch(watching).changes == []
    assert (told(watching, workflow_id), warnings(watching, workflow_id)) == ([], [])


def test_a_tag_that_is_deleted_and_made_again_is_told_once_and_changes_nothing(
    watching: Runtime, code: Repository
) -> None:
    workflow_id = submit(watching, code)
    first = code.git("rev-parse", "HEAD")

    code.untag("v1")
    assert [each.seen_commit for each in watch(watching).changes] == [""]
    assert watch(watching).changes == []
    assert warnings(watching, workflow_id) == [
        f"The tag v1 of {code.name} is gone; the workflow goes on with commit {first[:12]}."
    ]

    second = code.commit({"x.jobscript": "#!/bin/false\n"})
    code.tag("v1")
    watch(watching)
    assert watch(watching).changes == []
    assert warnings(watching, workflow_id) == [
        f"The tag v1 of {code.name} is now at commit {second[:12]}; the workflow goes on with {first[:12]}."
    ]

    code.tag("v1", first)
    watch(watching)
    assert warnings(watching, workflow_id) == []
    assert told(watching, workflow_id) == [
        ("code_vanished", first, ""),
        ("code_moved", "", second),
        ("code_moved", second, first),
    ]
    with watching.session() as session:
        stage = session.exec(select(Stage).where(Stage.workflow_id == workflow_id)).one()
        repository = session.exec(select(StageRepository).where(StageRepository.stage_id == stage.stage_id)).one()
        assert (stage.jobscript, stage.jobscript_commit, repository.commit) == ("#!/bin/sh\n", first, first)


def test_a_repository_that_vanished_is_told(watching: Runtime, code: Repository) -> None:
    unreachable = watching.settings.git.model_copy(update={"url": None})
    workflow_id = submit(watching, code, "main")
    code.bare.rename(code.bare.with_name(f"{uuid.uuid4().hex}.git"))
    watch(replace(watching, code=GitMirrors(unreachable)))

    assert [kind for kind, _, _ in told(watching, workflow_id)] == ["code_vanished"]
    assert "The branch main of" in warnings(watching, workflow_id)[0]


def test_a_host_that_does_not_answer_is_no_reason_to_say_that_code_is_gone(watching: Runtime, code: Repository) -> None:
    workflow_id = submit(watching, code)
    code.bare.rename(code.bare.with_name(f"{uuid.uuid4().hex}.git"))

    report = watch(watching)

    assert "127.0.0.1:9" in report.problems[0]
    assert told(watching, workflow_id) == []


def test_commits_and_workflows_that_are_over_are_not_watched(watching: Runtime, code: Repository) -> None:
    submit(watching, code, code.git("rev-parse", "HEAD"))
    over = submit(watching, code)
    with watching.session() as session:
        steering.steer(session, people.identify(session, "alice"), over, WorkflowState.CANCELLING, "")
    code.untag("v1")

    assert watch(watching).asked == 0
    assert told(watching, over) == []


def test_workflows_of_one_repository_are_asked_for_at_once_and_not_again_soon(
    watching: Runtime, code: Repository
) -> None:
    workflows = [submit(watching, code), submit(watching, code, "main"), submit(watching, code)]
    first = code.git("rev-parse", "HEAD")
    second = code.commit({"a": "1"})
    code.tag("v1")

    report = watch(watching)

    assert report.asked == 1
    assert [(each.workflow_id, each.seen_commit) for each in report.changes] == [(each, second) for each in workflows]
    assert [told(watching, each) for each in workflows] == [[("code_moved", first, second)]] * 3
    assert code_drift.watch_references(watching).asked == 0
