"""Finding files through real catalogues, and what happens when they refuse or do not answer."""

import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlmodel import select

from engine import finder
from engine.adapters.metacat import MetaCat
from engine.adapters.rucio import Rucio
from engine.finder import Found, Located
from engine.ports import LocatedFile, NewFile
from engine.runtime import Runtime
from engine.settings import MetaCat as MetaCatSettings
from engine.settings import Rucio as RucioSettings
from justin.states import EventType, FileState, WorkflowState
from models import finding, leases, seed
from models.files import File, Replica
from models.people import Quota
from models.records import Event
from models.statements import raw_connection
from models.workflows import Workflow
from tests.support.makers import key, make_stage, make_workflow

NOBODY = "http://127.0.0.1:9"
SCOPE = "usertests"


@pytest.fixture
def prefix() -> str:
    return f"{SCOPE}:{uuid.uuid4().hex[:8]}"


def submit(runtime: Runtime, mql: str, **values: Any) -> int:
    """Make a running workflow of two stages whose files are due."""
    row: dict[str, Any] = {"mql": mql, "refind_next_at": datetime.now(UTC) - timedelta(seconds=1)} | values
    with runtime.session() as session:
        workflow = make_workflow(session, user="justin", **row)
        for number in (1, 2):
            make_stage(session, workflow, stage_number=number)
        assert workflow.workflow_id is not None
        return workflow.workflow_id


def work(runtime: Runtime) -> tuple[list[Found], list[Located]]:
    """Do what one cycle of the finder does."""
    found = [finder.find_files(runtime, workflow_id) for workflow_id in finder.workflows_due(runtime)]
    return found, [finder.locate_files(runtime, stage_id) for stage_id in finder.stages_to_locate(runtime)]


def workflow_of(runtime: Runtime, workflow_id: int) -> Workflow:
    with runtime.session() as session:
        return session.get_one(Workflow, workflow_id)


def files_of(runtime: Runtime, workflow_id: int) -> dict[str, File]:
    with runtime.session() as session:
        return {file.did: file for file in session.exec(select(File).where(File.workflow_id == workflow_id))}


def make_known(runtime: Runtime, prefix: str, count: int, rse: str = "CERN") -> list[str]:
    """Make files that both catalogues know."""
    files = [NewFile(f"{prefix}-{n}.root", 10 + n, f"{n:08x}", metadata={"core.n": n}) for n in range(count)]
    runtime.rucio.register(rse, files)
    runtime.metacat.ensure_namespace(SCOPE)
    runtime.metacat.ensure_dataset(f"{prefix}-inputs", {})
    runtime.metacat.declare(f"{prefix}-inputs", files)
    return [file.did for file in files]


def test_mql_finds_files_and_rucio_their_places(grid_runtime: Runtime, prefix: str) -> None:
    dids = make_known(grid_runtime, prefix, 5)
    workflow_id = submit(grid_runtime, f"files from {prefix}-inputs where core.n < 4")
    found, located = work(grid_runtime)
    assert (found[0].new_files, located[0].located) == (4, 4)
    files = files_of(grid_runtime, workflow_id)
    assert set(files) == set(dids[:4])
    assert {file.state for file in files.values()} == {FileState.UNALLOCATED}
    assert files[dids[2]].size_bytes == 12
    with grid_runtime.session() as session:
        places = session.exec(select(Replica).where(Replica.file_id == files[dids[0]].file_id)).all()
        told = Counter(session.exec(select(Event.event_type).where(Event.workflow_id == workflow_id)).all())
    assert [place.wan_pfn.rsplit("/", 1)[1] for place in places] == [dids[0].split(":")[1]]
    assert told == {EventType.FILE_ADDED: 4, EventType.FILE_LOCATED: 4}
    assert workflow_of(grid_runtime, workflow_id).refind_next_at is None
    assert work(grid_runtime) == ([], [])


def test_a_rucio_dataset_is_an_input_too(grid_runtime: Runtime, prefix: str) -> None:
    files = [NewFile(f"{prefix}-{n}.root", 10 + n, f"{n:08x}") for n in range(3)]
    grid_runtime.rucio.register("FNAL", files)
    grid_runtime.rucio.ensure_dataset(f"{prefix}-inputs", "justin")
    grid_runtime.rucio.attach(f"{prefix}-inputs", [file.did for file in files])
    workflow_id = submit(grid_runtime, f"rucio-dataset {prefix}-inputs")
    work(grid_runtime)
    assert {did: file.state for did, file in files_of(grid_runtime, workflow_id).items()} == {
        file.did: FileState.UNALLOCATED for file in files
    }


def test_counters_need_no_catalogue(runtime: Runtime) -> None:
    workflow_id = submit(runtime, "monte-carlo 3")
    with runtime.session() as session:
        seed.ensure_monte_carlo(session)
    found, located = work(runtime)
    assert (found[0].new_files, located) == (3, [])
    assert sorted(files_of(runtime, workflow_id)) == [f"monte-carlo-{workflow_id:06}-{n:06}" for n in (1, 2, 3)]


def test_files_without_a_copy_are_not_found(grid_runtime: Runtime, prefix: str) -> None:
    dids = make_known(grid_runtime, prefix, 2)
    with grid_runtime.session() as session:
        seed.ensure_storage(session, "CERN", rucio_read=True)
    lost = NewFile(f"{prefix}-lost.root", 1, "00000001", metadata={"core.n": 0})
    grid_runtime.metacat.declare(f"{prefix}-inputs", [lost])
    workflow_id = submit(grid_runtime, f"files from {prefix}-inputs")
    _, (located,) = work(grid_runtime)
    assert (located.located, located.not_found) == (2, 1)
    assert files_of(grid_runtime, workflow_id)[lost.did].state == FileState.NOTFOUND
    assert files_of(grid_runtime, workflow_id)[dids[0]].state == FileState.UNALLOCATED


def test_looking_again_finds_only_what_is_new(grid_runtime: Runtime, prefix: str) -> None:
    make_known(grid_runtime, prefix, 2)
    until = datetime.now(UTC) + timedelta(hours=2)
    workflow_id = submit(grid_runtime, f"files from {prefix}-inputs", refind_interval_seconds=3600, refind_until=until)
    work(grid_runtime)
    next_at = workflow_of(grid_runtime, workflow_id).refind_next_at
    assert next_at is not None
    assert timedelta(minutes=55) < next_at - datetime.now(UTC) < timedelta(minutes=65)
    more = NewFile(f"{prefix}-more.root", 1, "00000001", metadata={"core.n": 0})
    grid_runtime.rucio.register("CERN", [more])
    grid_runtime.metacat.declare(f"{prefix}-inputs", [more])
    with grid_runtime.session() as session:
        session.get_one(Workflow, workflow_id).refind_next_at = datetime.now(UTC)
    found, located = work(grid_runtime)
    assert (found[0].new_files, located[0].located) == (1, 1)


def test_a_bad_query_ends_the_workflow_in_metacats_words(grid_runtime: Runtime) -> None:
    workflow_id = submit(grid_runtime, "files frm somewhere")
    work(grid_runtime)
    workflow = workflow_of(grid_runtime, workflow_id)
    assert workflow.state == WorkflowState.FAILED
    assert "MQLSyntaxError" in workflow.state_message


@pytest.mark.parametrize("mql", ["files from {prefix}-inputs", "rucio-dataset {prefix}-inputs"])
def test_too_many_files_end_the_workflow(grid_runtime: Runtime, prefix: str, mql: str) -> None:
    dids = make_known(grid_runtime, prefix, 4)
    grid_runtime.rucio.ensure_dataset(f"{prefix}-inputs", "justin")
    grid_runtime.rucio.attach(f"{prefix}-inputs", dids)
    workflow_id = submit(grid_runtime, mql.format(prefix=prefix))
    with grid_runtime.session() as session:
        session.exec(select(Quota).where(Quota.name == SCOPE)).one().max_input_files = 3
    work(grid_runtime)
    workflow = workflow_of(grid_runtime, workflow_id)
    assert workflow.state == WorkflowState.FAILED
    assert "more files (4) than the quota" in workflow.state_message
    assert files_of(grid_runtime, workflow_id) == {}


def test_a_dataset_that_goes_away_leaves_what_was_found(grid_runtime: Runtime, prefix: str) -> None:
    dids = make_known(grid_runtime, prefix, 2)
    workflow_id = submit(grid_runtime, f"files from {prefix}-inputs")
    work(grid_runtime)
    with grid_runtime.session() as session:
        workflow = session.get_one(Workflow, workflow_id)
        workflow.mql, workflow.refind_next_at = f"rucio-dataset {prefix}-gone", datetime.now(UTC)
    work(grid_runtime)
    workflow = workflow_of(grid_runtime, workflow_id)
    assert (workflow.state, workflow.refind_next_at) == (WorkflowState.RUNNING, None)
    assert f"no dataset {prefix}-gone" in workflow.state_message
    assert set(files_of(grid_runtime, workflow_id)) == set(dids)


def test_silent_catalogues_are_asked_again(grid_runtime: Runtime, prefix: str) -> None:
    make_known(grid_runtime, prefix, 2)
    silent = replace(
        grid_runtime,
        metacat=MetaCat(MetaCatSettings(url=NOBODY)),
        rucio=Rucio(RucioSettings(url=NOBODY), ["file"]),
    )
    workflow_id = submit(grid_runtime, f"files from {prefix}-inputs")
    ((found,), _) = work(silent)
    assert "MetaCat does not answer" in found.problem
    assert "MetaCat does not answer" in workflow_of(grid_runtime, workflow_id).state_message
    half = replace(grid_runtime, rucio=silent.rucio)
    ((found,), (located,)) = work(half)
    assert (found.new_files, located.located) == (2, 0)
    assert "Rucio" in located.problem
    assert workflow_of(grid_runtime, workflow_id).state_message == ""
    (_, (located,)) = work(grid_runtime)
    assert located.located == 2


class FadingRucio(Rucio):
    """Answers a few questions about places, then is gone."""

    def __init__(self, real: Runtime, questions: int) -> None:
        super().__init__(RucioSettings(url=NOBODY), ["file"])
        self._real, self._left = real.rucio, questions

    def locate(self, dids: Sequence[str]) -> Iterator[LocatedFile]:
        """Ask the real one, as long as it is there."""
        self._left -= 1
        return self._real.locate(dids) if self._left >= 0 else super().locate(dids)


def test_what_was_answered_before_silence_is_kept(grid_runtime: Runtime, prefix: str) -> None:
    lost = 2 * finder.FILES_PER_QUESTION + 1
    with grid_runtime.session() as session:
        stage_id = key(make_stage(session).stage_id)
        finding.add_files(session, stage_id, ((f"{prefix}-{number}.root", number) for number in range(lost)))
    fading = replace(grid_runtime, rucio=FadingRucio(grid_runtime, 2))
    located = finder.locate_files(fading, stage_id)
    assert (located.located, located.not_found) == (0, lost - 1)
    assert "Rucio" in located.problem
    assert finder.locate_files(grid_runtime, stage_id) == Located(stage_id, not_found=1)


def test_many_new_files_are_known_to_the_planner(runtime: Runtime) -> None:
    count = finder.MANY_FILES
    submit(runtime, f"monte-carlo {count}")
    with runtime.session() as session:
        seed.ensure_monte_carlo(session)
    work(runtime)
    with runtime.session() as session:
        known = raw_connection(session).execute("SELECT reltuples FROM pg_class WHERE relname = 'files'").fetchone()
    assert known == (count,)


def test_what_another_finder_holds_is_left_to_it(grid_runtime: Runtime, prefix: str) -> None:
    make_known(grid_runtime, prefix, 2)
    workflow_id = submit(grid_runtime, f"files from {prefix}-inputs")
    with grid_runtime.session() as session:
        leases.take(session, f"find-{workflow_id}", "another", 60)
    assert finder.find_files(grid_runtime, workflow_id) == Found(workflow_id)
    with grid_runtime.session() as session:
        leases.release(session, f"find-{workflow_id}", "another")
    assert finder.find_files(grid_runtime, workflow_id).new_files == 2
