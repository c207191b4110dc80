"""Outputs are offered places, and refused, on what real catalogues know; then confirmed into the outbox."""

import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlmodel import col, select

from engine import calls, confirmations, results
from engine.adapters.metacat import MetaCat
from engine.adapters.rucio import Rucio
from engine.calls import Key
from engine.errors import InvalidInput, ServiceRefused, Unavailable
from engine.ports import NewFile
from engine.runtime import Runtime
from engine.settings import Logs
from engine.settings import MetaCat as MetaCatSettings
from justin.schemas.jobs import ConfirmResults, JobReply, RecordResultsReply, Upload
from justin.states import EventType, FileState, JobState
from localgrid.grid import Grid
from models import seed
from models.files import File, Replica
from models.jobs import Job
from models.places import Storage
from models.records import Event, Outbox
from models.workflows import Stage, StageStorage
from tests.support.makers import make_files, make_job, make_output_pattern, make_stage, make_workflow
from tests.support.metacat import sign_in
from tests.support.mortal import Counter, Mortal
from tests.support.signed_job import REPORT, SignedJob

SCOPE = "usertests"


@dataclass(frozen=True, slots=True)
class Reporting:
    """A job at CERN that holds one file that MetaCat knows and one that it does not."""

    runtime: Runtime
    job: SignedJob
    job_id: int
    stage: Stage
    known: str
    unknown: str

    def record(self, *outputs: dict[str, Any], **values: Any) -> RecordResultsReply:
        """Report that both inputs were processed."""
        report = REPORT | {"processed_dids": [self.known, self.unknown], "outputs": outputs} | values
        return results.record(self.runtime, self.job.signed("record_results", json.dumps(report).encode()))

    def confirm(self, uploads: list[Upload], **changes: Any) -> JobReply:
        """Confirm that every output lies at its first target."""
        outputs = [_confirmed(upload) | changes for upload in uploads]
        with calls.opened(self.runtime, self.job.signed("confirm_results"), Key.JOB) as (session, job):
            return confirmations.confirm(session, job, ConfirmResults.model_validate({"outputs": outputs}))

    @property
    def state(self) -> JobState:
        with self.runtime.session() as session:
            return session.get_one(Job, self.job_id).state

    def inputs(self) -> set[str]:
        """The states of the inputs."""
        return {file.state for file in self.files(taken=True)}

    def files(self, *, taken: bool = False) -> list[File]:
        """The outputs, or else the inputs."""
        with self.runtime.session() as session:
            made = col(File.creator_job_id).is_(None) if taken else File.creator_job_id == self.job_id
            return list(session.exec(select(File).where(made, File.workflow_id == self.stage.workflow_id)))


def _confirmed(upload: Upload) -> dict[str, Any]:
    target = upload.targets[0]
    return {
        "name": upload.name,
        "rse": target.rse,
        "url": target.url,
        "size_bytes": 3,
        "adler32": "024d0127",
        "seconds": 0.5,
    }


@pytest.fixture
def reporting(grid_runtime: Runtime) -> Reporting:
    grid_runtime.metacat.ensure_namespace(SCOPE)
    known, unknown = (f"{SCOPE}:in-{uuid.uuid4().hex}.root" for _ in range(2))
    make_known(grid_runtime, known)
    with grid_runtime.session() as session:
        workflow = make_workflow(session, scope=SCOPE)
        stage = make_stage(session, workflow, max_distance=100)
        make_stage(session, workflow, stage_number=2)
        make_output_pattern(session, stage, "*.root")
        make_output_pattern(session, stage, "*.next", pattern_id=2, for_next_stage=True)
        row = make_job(session, stage, site=None, state=JobState.PROCESSING, asked_for_files=True, hostname="node7")
        row.site_id = seed.ensure_site(session, "CH_CERN")
        for did in (known, unknown):
            make_files(session, stage, state=FileState.ALLOCATED, did=did, job_id=row.job_id, allocations=1)
        assert row.job_id is not None
        return Reporting(grid_runtime, SignedJob.of("", row), row.job_id, stage, known, unknown)


def make_known(runtime: Runtime, did: str) -> None:
    """Make a file that MetaCat knows."""
    dataset = f"{SCOPE}:results-{uuid.uuid4().hex}"
    runtime.metacat.ensure_dataset(dataset, {})
    runtime.metacat.declare(dataset, [NewFile(did, 1, "00000001", metadata={"core.n": 1})])


def output(**values: Any) -> dict[str, Any]:
    name = f"out-{uuid.uuid4().hex}.root"
    return {"name": name, "pattern_id": 1, "size_bytes": 3, "adler32": "024d0127"} | values


def test_every_output_is_offered_the_storages_from_near_to_far(reporting: Reporting) -> None:
    reply = reporting.record(output(), output())
    assert (reply.state, len(reply.uploads), reply.problems) == (JobState.OUTPUTTING, 2, [])
    for upload in reply.uploads:
        rses = [target.rse for target in upload.targets]
        assert rses[0] == "CERN"
        assert sorted(rses) == ["CERN", "FNAL", "MANCHESTER"]
        for target in upload.targets:
            assert target.url.startswith(f"{target.protocol}://")
            assert target.url.endswith(upload.name)
    assert reporting.inputs() == {"outputting"}
    assert {file.state for file in reporting.files()} == {FileState.RECORDED}


def test_a_repeated_report_is_offered_the_same(reporting: Reporting) -> None:
    outputs = [output(), output()]
    first = reporting.record(*outputs)
    again = reporting.record(*outputs)
    assert {upload.name: upload for upload in again.uploads} == {upload.name: upload for upload in first.uploads}
    assert len(reporting.files()) == 2
    with reporting.runtime.session() as session:
        assert session.get_one(Job, reporting.job_id).processed_files == 2


def test_the_stages_own_choice_of_storage_comes_first(reporting: Reporting) -> None:
    with reporting.runtime.session() as session:
        fnal = session.exec(select(Storage).where(Storage.name == "FNAL")).one()
        assert fnal.storage_id is not None
        assert reporting.stage.stage_id is not None
        session.add(StageStorage(stage_id=reporting.stage.stage_id, storage_id=fnal.storage_id))
        session.exec(select(Storage).where(Storage.name == "MANCHESTER")).one().enabled_write = False
    reply = reporting.record(output())
    assert [target.rse for target in reply.uploads[0].targets] == ["FNAL", "CERN"]


def test_confirmed_outputs_wait_in_the_outbox_with_all_that_metacat_is_to_know(reporting: Reporting) -> None:
    passed = output(name=f"{uuid.uuid4().hex}.next", pattern_id=2)
    reply = reporting.record(output(metadata={"Core.Events": 7}), passed)
    assert reporting.confirm(reply.uploads).state is JobState.FINISHED
    assert reporting.confirm(reply.uploads).state is JobState.FINISHED
    assert reporting.inputs() == {"outputting"}, "until the catalogues know the outputs"
    with reporting.runtime.session() as session:
        rows = session.exec(select(Outbox).order_by(col(Outbox.outbox_id))).all()
        copies = session.exec(select(Replica).where(col(Replica.file_id).in_([row.file_id for row in rows]))).all()
    by_name = {upload.did: upload.targets[0].url for upload in reply.uploads}
    assert {row.pfn for row in rows} == {copy.wan_pfn for copy in copies} == set(by_name.values())
    first = next(row for row in rows if row.pfn.endswith(".root"))
    assert first.parents == [reporting.known], "MetaCat does not know the other input"
    assert first.file_metadata is not None
    assert first.file_metadata["core.events"] == 7
    made = first.file_metadata["dune.workflow"]
    assert (made["site_name"], made["user"], made["stage_id"]) == ("CH_CERN", "alice", 1)
    assert (made["job_id"], made["hostname"], len(made)) == (reporting.job.jobsub_id, "node7", 13)
    takers = {file.did: file.stage_id for file in reporting.files()}
    assert sorted(stage_id is not None for stage_id in takers.values()) == [False, True]


@pytest.mark.parametrize("catalogue", ["MetaCat", "Rucio"])
def test_a_name_that_a_catalogue_has_sends_the_inputs_back(reporting: Reporting, catalogue: str) -> None:
    taken = output()
    did = f"{SCOPE}:{taken['name']}"
    if catalogue == "MetaCat":
        make_known(reporting.runtime, did)
    else:
        reporting.runtime.rucio.register("FNAL", [NewFile(did, 3, "024d0127")])
    reply = reporting.record(taken, output())
    assert (reply.state, reply.uploads) == (JobState.OUTPUTTING_FAILED, [])
    assert f"{catalogue} has a file of that name already: {did}" in reply.problems[0]
    assert reasons(reporting) == ["output_refused"]
    assert reporting.state is JobState.OUTPUTTING_FAILED
    assert reporting.inputs() == {"unallocated"}
    assert reporting.files() == []


def test_a_name_that_another_job_recorded_sends_the_inputs_back(reporting: Reporting) -> None:
    taken = output()
    with reporting.runtime.session() as session:
        other = make_job(session, reporting.stage)
        made: dict[str, Any] = {"creator_job_id": other.job_id, "stage_id": None, "did": f"{SCOPE}:{taken['name']}"}
        make_files(session, reporting.stage, state=FileState.RECORDED, **made)
    reply = reporting.record(taken, output())
    assert reply.state is JobState.OUTPUTTING_FAILED
    assert taken["name"] in reply.problems[0]
    assert reporting.inputs() == {"unallocated"}


def test_parents_are_understood_in_each_form(reporting: Reporting) -> None:
    did = f"{SCOPE}:parent-{uuid.uuid4().hex}"
    make_known(reporting.runtime, did)
    namespace, _, name = did.partition(":")
    url = f"{reporting.runtime.settings.metacat.url}/data/file"
    fid = httpx.get(url, params={"namespace": namespace, "name": name}).json()["fid"]
    forms = [[{"did": did}], [{"namespace": namespace, "name": name}], [{"fid": fid}]]
    reply = reporting.record(*(output(parents=form) for form in forms))
    assert reply.problems == []
    reporting.confirm(reply.uploads)
    with reporting.runtime.session() as session:
        assert [row.parents for row in session.exec(select(Outbox)).all()] == [[did]] * 3


@pytest.mark.parametrize("parent", [{"did": f"{SCOPE}:nosuch"}, {"fid": "nosuch"}])
def test_a_parent_that_nobody_knows_sends_the_inputs_back(reporting: Reporting, parent: dict[str, str]) -> None:
    reply = reporting.record(output(parents=[parent]))
    assert (reply.state, reporting.inputs()) == (JobState.OUTPUTTING_FAILED, {"unallocated"})
    assert "nosuch" in reply.problems[0]


def test_metadata_that_metacat_forbids_sends_the_inputs_back(reporting: Reporting, grid: Grid, tmp_path: Path) -> None:
    category = f"test_{uuid.uuid4().hex[:8]}"
    metacat = sign_in(grid, "justin", tmp_path)
    metacat.create_category(category, restricted=True, definitions={"level": {"type": "int", "max": 3}})
    try:
        reply = reporting.record(output(metadata={f"{category}.level": 4, f"{category}.other": 1}), output())
    finally:
        metacat.remove_category(category)
    assert (reply.state, reporting.inputs()) == (JobState.OUTPUTTING_FAILED, {"unallocated"})
    assert len(reply.problems) == 2
    assert all(f"MetaCat's category {category!r}" in problem for problem in reply.problems)
    assert reasons(reporting) == ["metadata_invalid"]


def test_what_a_user_says_under_our_keys_is_replaced_and_remarked_upon(reporting: Reporting) -> None:
    reply = reporting.record(output(metadata={"dune.workflow": {"workflow_id": 1}}))
    assert reply.state is JobState.OUTPUTTING
    assert "'dune.workflow' is the system's own" in reply.problems[0]


def test_the_image_is_told_of_the_output_and_kept_of_the_stage(reporting: Reporting) -> None:
    digest = f"sha256:{'a' * 64}"
    reporting.confirm(reporting.record(output(), image_digest=digest).uploads)
    with reporting.runtime.session() as session:
        assert session.get_one(Stage, reporting.stage.stage_id).image_digest == digest
        (row,) = session.exec(select(Outbox)).all()
    assert row.file_metadata is not None
    assert row.file_metadata["dune.workflow"]["image_digest"] == digest


def reasons(reporting: Reporting) -> list[str]:
    """Why the job's outputs were refused, as its event tells."""
    with reporting.runtime.session() as session:
        failed = Event.event_type == EventType.JOB_OUTPUTTING_FAILED
        found = session.exec(select(Event).where(failed, Event.job_id == reporting.job_id)).all()
    return [(event.details or {})["reason"] for event in found]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"size_bytes": 4}, "another size or checksum"),
        ({"adler32": "00000000"}, "another size or checksum"),
        ({"rse": "NOWHERE"}, "was not offered"),
        ({"url": "file:///tmp/elsewhere"}, "was not offered"),
        ({"name": "other.root"}, "was not recorded"),
    ],
)
def test_a_confirmation_of_something_else_is_refused(reporting: Reporting, changes: dict[str, Any], words: str) -> None:
    reply = reporting.record(output())
    with pytest.raises(InvalidInput, match=words):
        reporting.confirm(reply.uploads, **changes)
    with pytest.raises(InvalidInput, match="is not confirmed"):
        reporting.confirm([])
    assert reporting.state is JobState.OUTPUTTING
    assert {file.state for file in reporting.files()} == {FileState.RECORDED}


def test_a_silent_metacat_costs_the_job_nothing(reporting: Reporting) -> None:
    silent = MetaCat(MetaCatSettings(url="http://127.0.0.1:9", timeout_seconds=1))
    without = replace(reporting, runtime=replace(reporting.runtime, metacat=silent))
    reply = without.record(output())
    assert (reply.state, len(reply.uploads)) == (JobState.OUTPUTTING, 1)


def test_a_report_is_offered_a_place_for_the_logs_beside_the_outputs(reporting: Reporting) -> None:
    first = reporting.record(made := output())
    assert first.logs
    assert first.logs.did == f"justin-logs:{reporting.job.jobsub_id.replace('@', '-')}.logs.tgz"
    assert [target.rse for target in first.logs.targets] == [target.rse for target in first.uploads[0].targets]
    assert all(target.url.endswith(f"/{first.logs.name}") for target in first.logs.targets)
    assert reporting.record(made).logs == first.logs


@pytest.mark.parametrize(
    ("values", "state"),
    [
        ({"jobscript_exit": 7}, JobState.JOBSCRIPT_ERROR),
        ({"timed_out": True}, JobState.TIMED_OUT),
        ({"processed_dids": []}, JobState.NONE_PROCESSED),
        ({"metadata_errors": ["No JSON."]}, JobState.OUTPUTTING_FAILED),
        ({}, JobState.OUTPUTTING),
    ],
)
def test_every_end_is_offered_a_place_for_the_logs(
    reporting: Reporting, values: dict[str, Any], state: JobState
) -> None:
    reply = reporting.record(**values)
    assert (reply.state, reply.uploads) == (state, [])
    assert reply.logs
    assert reply.logs.targets[0].rse == "CERN"
    assert reporting.record(**values).logs == reply.logs


def test_outputs_that_a_catalogue_refuses_leave_the_logs_a_place(reporting: Reporting) -> None:
    taken = output()
    make_known(reporting.runtime, f"{SCOPE}:{taken['name']}")
    reply = reporting.record(taken)
    assert reply.state is JobState.OUTPUTTING_FAILED
    assert reply.logs


def test_no_place_is_offered_where_logs_are_not_stored(reporting: Reporting) -> None:
    settings = reporting.runtime.settings.model_copy(update={"logs": Logs(stored=False)})
    quiet = replace(reporting, runtime=replace(reporting.runtime, settings=settings))
    assert quiet.record(output()).logs is None


class RefusesLogs(Rucio):
    """The real Rucio, as if it could not make addresses of the names of logs."""

    def write_pfns(self, rse: str, dids: Sequence[str], schemes: Sequence[str]) -> dict[str, list[str]]:
        if any(did.endswith(".logs.tgz") for did in dids):
            raise ServiceRefused("The name cannot be translated.")
        return super().write_pfns(rse, dids, schemes)


def test_outputs_have_their_places_though_the_logs_have_none(reporting: Reporting) -> None:
    settings = reporting.runtime.settings
    refusing = replace(reporting.runtime, rucio=RefusesLogs(settings.rucio, settings.replicas.schemes))
    reply = replace(reporting, runtime=refusing).record(output())
    assert [target.rse for target in reply.uploads[0].targets][:1] == ["CERN"]
    assert (reply.state, reply.logs) == (JobState.OUTPUTTING, None)


def test_rucio_is_asked_twice_and_no_more_for_one_jobs_logs(reporting: Reporting) -> None:
    counter = Counter(0, Unavailable("it rains"))
    silent = replace(reporting.runtime, rucio=Mortal(_Silent(), counter))
    ended = replace(reporting, runtime=silent)
    assert [ended.record(jobscript_exit=1).logs for _ in range(4)] == [None] * 4
    assert counter.calls == 2


class _Silent:
    """A Rucio that does not answer."""

    def write_pfns(self, *_: object) -> dict[str, list[str]]:
        raise Unavailable("it rains")
