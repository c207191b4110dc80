"""Repositories on their way into the workspaces of jobs: published once, through every interruption, and kept."""

import os
import shutil
import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import col, delete, select, update

from engine import code_drift, due, people, repositories, steering, submission, viewing
from engine.adapters.git_mirrors import GitMirrors
from engine.adapters.rcds import Rcds
from engine.code_settings import Git
from engine.runtime import Runtime
from engine.submission import Submission
from justin.schemas.specs import RepositorySpec, StageSpec, WorkflowSpec
from justin.schemas.views import RepositoryView, WorkflowView
from justin.states import EventType, WorkflowState
from models import moves
from models.moves import Reason
from models.records import Event
from models.repositories import CodePublication
from models.workflows import CodeReference, StageRepository
from tests.support.makers import make_scope
from tests.support.mortal import Counter, Killed, Mortal
from tests.support.rcds import LocalRcds, local_rcds
from tests.support.repositories import Repository, git, make_repository
from tests.support.runtimes import NOBODY
from tests.support.waiting import wait_until

OLD = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[LocalRcds]:
    with local_rcds(tmp_path / "rcds") as made:
        yield made


@pytest.fixture
def publishing(runtime: Runtime, server: LocalRcds) -> Runtime:
    with runtime.session() as session:
        make_scope(session)
    return with_rcds(runtime, server)


@pytest.fixture
def code(runtime: Runtime) -> Repository:
    made = make_repository(Path(str(runtime.settings.git.directory)), f"dune/{uuid.uuid4().hex}")
    made.commit({"run.sh": "echo one\n", "data/x": uuid.uuid4().hex})
    made.tag("v1", annotated=True)
    return made


def with_rcds(runtime: Runtime, server: LocalRcds, **changes: Any) -> Runtime:
    rcds = server.settings().model_copy(update=changes)
    settings = runtime.settings.model_copy(update={"rcds": rcds})
    return replace(runtime, settings=settings, code_store=Rcds(rcds))


def submit(runtime: Runtime, *codes: Repository, reference: str = "v1") -> int:
    repos = [RepositorySpec.parse(f"{code.name}:{reference}") for code in codes]
    spec = WorkflowSpec(mql="monte-carlo 1", stages=[StageSpec(jobscript="#!/bin/sh\n", git_repos=repos)])
    with runtime.session() as session:
        caller = people.identify(session, "alice")
    return submission.create_workflow(runtime, caller, Submission(spec, submit=True))


def cycle(runtime: Runtime) -> None:
    for each in repositories.repositories_due(runtime):
        repositories.publish_repository(runtime, each)
    repositories.start_workflows(runtime)


def until_running(runtime: Runtime, *workflow_ids: int) -> None:
    def looks() -> bool:
        cycle(runtime)
        return all(shown(runtime, each).state is WorkflowState.RUNNING for each in workflow_ids)

    wait_until(looks)


def shown(runtime: Runtime, workflow_id: int) -> WorkflowView:
    with runtime.session() as session:
        return viewing.workflow(session, workflow_id)


def one(runtime: Runtime, workflow_id: int) -> RepositoryView:
    (found,) = shown(runtime, workflow_id).stages[0].git_repos
    return found


def told(runtime: Runtime, workflow_id: int) -> list[str]:
    with runtime.session() as session:
        found = session.exec(select(Event).where(Event.workflow_id == workflow_id).order_by(col(Event.event_id))).all()
        return [each.event_type for each in found]


def renewal_is_due(runtime: Runtime) -> None:
    with runtime.session() as session:
        session.exec(update(CodePublication).values(renewed_at=OLD, sent_at=OLD))


def test_a_workflow_starts_when_its_repository_is_published(publishing: Runtime, code: Repository) -> None:
    workflow_id = submit(publishing, code)
    assert shown(publishing, workflow_id).state is WorkflowState.SUBMITTED
    assert due.waiting(publishing)["repositories"] == 1

    until_running(publishing, workflow_id)

    found = one(publishing, workflow_id)
    assert found.commit == code.git("rev-parse", "HEAD")
    assert Path(found.path).name == found.content_sha256
    assert (Path(found.path) / "run.sh").read_text() == "echo one\n"
    assert (found.message, due.waiting(publishing)["repositories"]) == ("", 0)
    events = told(publishing, workflow_id)
    assert events.index(EventType.CODE_PUBLISHED) < events.index(EventType.WORKFLOW_STARTED)
    assert due.waiting(publishing)["finder"] > 0


def test_one_publication_serves_all_workflows(publishing: Runtime, server: LocalRcds, code: Repository) -> None:
    first, second = submit(publishing, code), submit(publishing, code)
    until_running(publishing, first, second)
    third = submit(publishing, code)
    calls = len(server.calls)
    until_running(publishing, third)

    assert server.uploads == 1
    assert server.calls[calls:] == ["update"], "what is known is not fetched again"
    assert len({one(publishing, each).path for each in (first, second, third)}) == 1
    assert [told(publishing, each).count(EventType.CODE_PUBLISHED) for each in (first, second, third)] == [1, 1, 1]


def test_all_repositories_must_be_published_first(
    publishing: Runtime, server: LocalRcds, code: Repository, runtime: Runtime
) -> None:
    other = make_repository(Path(str(runtime.settings.git.directory)), f"dune/{uuid.uuid4().hex}")
    other.commit({"y": uuid.uuid4().hex})
    other.tag("v1")
    workflow_id = submit(publishing, code, other)
    first, second = repositories.repositories_due(publishing)

    wait_until(lambda: bool(repositories.publish_repository(publishing, first).path))
    assert not repositories.start_workflows(publishing)
    server.faults.loses = 1
    assert not repositories.publish_repository(publishing, second).path
    assert not repositories.start_workflows(publishing)
    assert shown(publishing, workflow_id).state is WorkflowState.SUBMITTED


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_it_may_be_killed_between_any_two_steps(
    publishing: Runtime, server: LocalRcds, code: Repository, *, after: bool
) -> None:
    for fatal in range(1, 6):
        code.commit({"run.sh": f"echo {fatal} {after} {uuid.uuid4().hex}\n"})
        code.tag("v1")
        workflow_id = submit(publishing, code)
        counter = Counter(fatal, Killed(), after=after)
        mortal = replace(
            publishing, code=Mortal(publishing.code, counter), code_store=Mortal(publishing.code_store, counter)
        )
        try:
            cycle(mortal)
            cycle(mortal)
        except Killed:
            assert shown(publishing, workflow_id).state is WorkflowState.SUBMITTED
        until_running(publishing, workflow_id)
        assert told(publishing, workflow_id).count(EventType.CODE_PUBLISHED) == 1
        with publishing.session() as session:
            assert len(session.exec(select(CodePublication)).all()) == fatal


def test_it_may_run_twice_at_once(publishing: Runtime, code: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    workflow_id = submit(publishing, code)
    (word,) = repositories.repositories_due(publishing)
    inner = publishing.code_store

    class Twin:
        """Does, while it is asked, all that another cycle would do."""

        find, publish = inner.find, inner.publish

        def renew(self, cid: str) -> str | None:
            monkeypatch.setattr(repositories, "HOLDER", f"other-{uuid.uuid4().hex}")
            assert repositories.publish_repository(publishing, word) == repositories.Published(word), "it is leased"
            monkeypatch.setattr(repositories, "HOLDER", holder)
            repositories.publish_repository(publishing, word)
            return inner.renew(cid)

    holder = repositories.HOLDER
    repositories.publish_repository(replace(publishing, code_store=Twin()), word)
    until_running(publishing, workflow_id)

    assert told(publishing, workflow_id).count(EventType.CODE_PUBLISHED) == 1


@pytest.mark.parametrize("status", [403, 500])
def test_an_outage_is_waited_for_and_told(
    publishing: Runtime, server: LocalRcds, code: Repository, status: int
) -> None:
    workflow_id = submit(publishing, code)
    server.faults.status = status
    cycle(publishing)

    workflow = shown(publishing, workflow_id)
    assert workflow.state is WorkflowState.SUBMITTED
    (warning,) = workflow.warnings
    assert warning.startswith(f"{code.name}: It is published, or renewed, later: RCDS at 127.0.0.1")
    server.faults.status = 0
    until_running(publishing, workflow_id)
    assert shown(publishing, workflow_id).warnings == []


def test_an_upload_that_is_lost_is_sent_again(publishing: Runtime, server: LocalRcds, code: Repository) -> None:
    workflow_id = submit(publishing, code)
    server.faults.loses = 1
    cycle(publishing)
    cycle(publishing)
    assert server.uploads == 1, "it may still appear"
    assert "has not published it yet" in one(publishing, workflow_id).message

    renewal_is_due(publishing)
    until_running(publishing, workflow_id)
    assert server.uploads == 2


def test_what_expired_is_published_again_and_what_is_used_is_renewed(
    publishing: Runtime, server: LocalRcds, code: Repository
) -> None:
    workflow_id = submit(publishing, code)
    until_running(publishing, workflow_id)
    path = Path(one(publishing, workflow_id).path)
    assert repositories.repositories_due(publishing) == []

    renewal_is_due(publishing)
    assert len(repositories.repositories_due(publishing)) == 1
    cycle(publishing)
    assert (server.uploads, repositories.repositories_due(publishing)) == (1, [])

    shutil.rmtree(path)
    renewal_is_due(publishing)
    cycle(publishing)
    assert server.uploads == 2
    wait_until(path.is_dir)
    cycle(publishing)
    assert (repositories.repositories_due(publishing), one(publishing, workflow_id).message) == ([], "")
    assert told(publishing, workflow_id).count(EventType.CODE_PUBLISHED) == 1


def test_what_no_workflow_uses_any_more_is_not_renewed(publishing: Runtime, code: Repository) -> None:
    workflow_id = submit(publishing, code)
    with publishing.session() as session:
        caller = people.identify(session, "alice")
        steering.steer(session, caller, workflow_id, WorkflowState.CANCELLING, "")
    assert len(repositories.repositories_due(publishing)) == 1
    with publishing.session() as session:
        moves.move_workflows(session, [workflow_id], WorkflowState.FINISHED, Reason("completion"))

    assert repositories.repositories_due(publishing) == []


def test_what_is_too_large_ends_the_workflow_with_a_sentence(
    publishing: Runtime, server: LocalRcds, code: Repository
) -> None:
    small = with_rcds(publishing, server, max_bytes=5000)
    workflow_id = submit(small, code)
    cycle(small)

    workflow = shown(small, workflow_id)
    assert workflow.state is WorkflowState.FAILED
    assert workflow.state_message.startswith(f"The repository {code.name} at commit ")
    assert "MiB are published" in workflow.state_message
    assert server.uploads == 0


def test_a_repository_that_vanished_ends_the_workflow_but_not_one_that_runs(
    publishing: Runtime, server: LocalRcds, code: Repository
) -> None:
    running = submit(publishing, code)
    until_running(publishing, running)
    code.commit({"run.sh": "echo two\n"})
    code.tag("v1")
    waiting = submit(publishing, code)
    shutil.rmtree(code.bare)
    # No other host is asked.
    alone = GitMirrors(publishing.settings.git.model_copy(update={"url": None}))
    publishing = replace(publishing, code=alone)
    cycle(publishing)

    assert shown(publishing, waiting).state is WorkflowState.FAILED
    assert f"There is no repository {code.name}" in shown(publishing, waiting).state_message
    # Its files were fetched before; when even they are gone it goes on with what is published.
    shutil.rmtree(Path(str(publishing.settings.git.mirrors)) / code.name)
    shutil.rmtree(one(publishing, running).path)
    renewal_is_due(publishing)
    cycle(publishing)
    assert shown(publishing, running).state is WorkflowState.RUNNING
    assert "It cannot be published" in one(publishing, running).message


def test_what_a_repository_lacks_is_told_as_long_as_it_is_used(publishing: Runtime, code: Repository) -> None:
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"
    code.commit({"big.root": pointer})
    code.tag("v1")
    workflow_id = submit(publishing, code)
    until_running(publishing, workflow_id)

    assert "jobs see the pointers alone: big.root" in one(publishing, workflow_id).message
    renewal_is_due(publishing)
    cycle(publishing)
    assert "big.root" in one(publishing, workflow_id).message


def test_a_tag_that_moves_changes_nothing(publishing: Runtime, code: Repository) -> None:
    workflow_id = submit(publishing, code)
    commit = one(publishing, workflow_id).commit
    code.untag("v1")
    code.commit({"run.sh": "echo other\n"})
    code.tag("v1")
    until_running(publishing, workflow_id)
    with publishing.session() as session:
        session.exec(update(CodeReference).values(checked_at=OLD))
    code_drift.watch_references(publishing)
    renewal_is_due(publishing)
    cycle(publishing)

    found = one(publishing, workflow_id)
    assert found.commit == commit
    assert (Path(found.path) / "run.sh").read_text() == "echo one\n"
    (warning,) = shown(publishing, workflow_id).warnings
    assert f"The tag v1 of {code.name} is now at commit " in warning
    assert commit[:12] in warning
    assert EventType.CODE_MOVED in told(publishing, workflow_id)


def test_other_servers_with_other_habits_publish_the_same(
    publishing: Runtime, server: LocalRcds, code: Repository, tmp_path: Path
) -> None:
    first = submit(publishing, code)
    until_running(publishing, first)
    folder = tmp_path / "elsewhere"
    # Another machine: a clone that was made later, copies of its own, and a database that knows nothing.
    (folder / "dune").mkdir(parents=True)
    git(folder, "clone", "--quiet", "--bare", str(code.bare), f"{code.name}.git")
    os.utime(folder / f"{code.name}.git", (0, 0))
    elsewhere = GitMirrors(Git(url=None, directory=folder, mirrors=tmp_path / "mirrors"))
    with publishing.session() as session:
        session.exec(update(StageRepository).values(content_sha256="", path=""))
        session.exec(delete(CodePublication))
    umask = os.umask(0o077)
    try:
        until_running(replace(publishing, code=elsewhere), submit(publishing, code))
    finally:
        os.umask(umask)

    with publishing.session() as session:
        assert len(set(session.exec(select(StageRepository.content_sha256)))) == 1
        assert len(session.exec(select(CodePublication)).all()) == 1
    assert server.uploads == 1


def test_submodules_are_told_of(publishing: Runtime, code: Repository) -> None:
    code.git("update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},third/party")
    (code.checkout / "third" / "party").mkdir(parents=True)
    code.git("commit", "--quiet", "-m", "a submodule")
    code.git("push", "--quiet", "origin", "HEAD:main")
    code.tag("v1")
    workflow_id = submit(publishing, code)
    until_running(publishing, workflow_id)

    (warning,) = shown(publishing, workflow_id).warnings
    assert warning == f"{code.name}: Its submodules are empty folders for jobs: third/party."
    assert (Path(one(publishing, workflow_id).path) / "third" / "party").is_dir()


def test_without_rcds_the_owner_is_told(runtime: Runtime, server: LocalRcds, code: Repository) -> None:
    with runtime.session() as session:
        make_scope(session)
    none = with_rcds(runtime, server, urls=[NOBODY])
    workflow_id = submit(none, code)
    cycle(none)

    assert "does not answer" in one(none, workflow_id).message
    with none.session() as session:
        assert session.exec(select(StageRepository.path).where(StageRepository.path != "")).all() == []
