"""Logs of jobs in real catalogues: in the dataset of their time, with its rule, through every interruption."""

import time
import uuid
import zlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from sqlmodel import select

from engine import log_registration, storages
from engine.errors import Unavailable
from engine.log_registration import LogsRegistered
from engine.ports import NewFile
from engine.runtime import Runtime
from engine.settings import Logs, Outputs
from justin.states import EventType, JobState, LogsState
from localgrid.grid import Grid
from localgrid.sites import SITES
from models import log_archives, log_datasets, records, seed
from models.log_datasets import LogDataset
from models.records import Event, LogArchive
from models.workflows import Stage
from tests.support import books
from tests.support.makers import key, make_job, make_stage
from tests.support.mortal import Counter, Killed, Mortal

RSE = "CERN"
CONTENT = "the logs\n"
ADLER32 = f"{zlib.adler32(CONTENT.encode()):08x}"
PERIOD_SECONDS = 1_000_000
LIFETIME_SECONDS = 4_000_000
AT_ONCE = Outputs(first_retry_seconds=0.001, last_retry_seconds=0.001, lease_seconds=0.001)


@dataclass(frozen=True)
class Stored:
    """The logs of a job that lie at a storage."""

    job_id: int
    jobsub_id: str
    workflow_id: int
    did: str
    pfn: str


@pytest.fixture
def runtime(grid_runtime: Runtime) -> Runtime:
    """One that may be interrupted and goes on at once."""
    return replace(grid_runtime, settings=grid_runtime.settings.model_copy(update={"outputs": AT_ONCE}))


@pytest.fixture
def stage(runtime: Runtime) -> Stage:
    with runtime.session() as session:
        return make_stage(session, stage_number=3)


def store(runtime: Runtime, stage: Stage, rse: str = RSE, **values: Any) -> Stored:
    """Make a job that failed and stored its logs."""
    jobsub_id = f"7.0@{uuid.uuid4().hex}"
    did = f"justin-logs:{jobsub_id.replace('@', '-')}.logs.tgz"
    pfn = runtime.rucio.write_pfns(rse, [did], ["file"])[did][0]
    path = Path(urlsplit(pfn).path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(CONTENT)
    with runtime.session() as session:
        row: dict[str, Any] = {"jobsub_id": jobsub_id, "jobscript_exit": 7} | values
        job_id = key(make_job(session, stage, state=JobState.JOBSCRIPT_ERROR, **row).job_id)
        log_archives.ask(session, job_id, did)
        log_archives.confirm(session, job_id, seed.ensure_storage(session, rse), pfn, len(CONTENT), ADLER32)
    return Stored(job_id, jobsub_id, stage.workflow_id, did, pfn)


def state(runtime: Runtime, stored: Stored) -> LogsState:
    with runtime.session() as session:
        return session.get_one(LogArchive, stored.job_id).state


def dataset(runtime: Runtime, rse: str = RSE, later: int = 0) -> str:
    period = int(time.time()) // PERIOD_SECONDS * PERIOD_SECONDS + later * PERIOD_SECONDS
    return f"justin-logs:{runtime.settings.instance}-logstgz-{period}-{rse}"


def check_registered(runtime: Runtime, stored: Stored, rse: str = RSE) -> None:
    """See that every book holds the logs, once."""
    assert state(runtime, stored) is LogsState.DONE
    for known in (runtime.rucio.files([stored.did]), runtime.metacat.files([stored.did])):
        assert (known[stored.did].size_bytes, known[stored.did].adler32) == (len(CONTENT), ADLER32)
    (located,) = runtime.rucio.locate([stored.did])
    assert [(copy.rse, copy.wan_pfn) for copy in located.replicas] == [(rse, stored.pfn)]
    assert runtime.rucio.missing_from(dataset(runtime, rse), [stored.did]) == set()
    assert runtime.metacat.missing_from(dataset(runtime, rse), [stored.did]) == set()
    with runtime.session() as session:
        told = session.exec(select(Event).where(Event.job_id == stored.job_id)).all()
    assert [event.event_type for event in told] == [EventType.LOGS_REGISTERED]


def test_logs_are_registered_in_the_dataset_of_their_time(runtime: Runtime, stage: Stage, grid: Grid) -> None:
    here, there = store(runtime, stage), store(runtime, stage, "FNAL")
    assert log_registration.register_logs(runtime) == LogsRegistered(logs=2)
    check_registered(runtime, here)
    check_registered(runtime, there, "FNAL")
    assert runtime.metacat.files([here.did])[here.did].metadata == {
        "dune.workflow": {
            "workflow_id": here.workflow_id,
            "stage_id": 3,
            "job_id": here.jobsub_id,
            "job_state": "jobscript_error",
            "jobscript_exit": 7,
            "site_name": "UK_Manchester",
            "hostname": "node1",
            "user": "alice",
        }
    }
    in_rucio = books.rucio_dump(grid, "justin-logs", f"{runtime.settings.instance}-")["datasets"]
    assert set(in_rucio) == {dataset(runtime, rse).partition(":")[2] for rse in (RSE, "FNAL")}
    for found in in_rucio.values():
        (rule,) = found["rules"]
        assert rule["rse_expression"] in {RSE, "FNAL"}
        assert abs(rule["lifetime_seconds"] - LIFETIME_SECONDS) < 60
    assert log_registration.register_logs(runtime) == LogsRegistered()


def test_datasets_of_this_time_and_the_next_two_are_made_ahead(runtime: Runtime, grid: Grid) -> None:
    wanted = {dataset(runtime, site.rse, later).partition(":")[2] for site in SITES for later in range(3)}
    assert storages.update_storages(runtime).new_log_datasets == len(wanted)
    in_rucio = books.rucio_dump(grid, "justin-logs", f"{runtime.settings.instance}-")["datasets"]
    assert set(in_rucio) == wanted
    for name, found in in_rucio.items():
        (rule,) = found["rules"]
        assert name.endswith(rule["rse_expression"])
        assert abs(rule["lifetime_seconds"] - LIFETIME_SECONDS) < 60
    counter = Counter(0, Killed())
    counted = replace(runtime, rucio=Mortal(runtime.rucio, counter), metacat=Mortal(runtime.metacat, counter))
    assert log_registration.make_datasets(counted) == 0
    assert counter.calls == 0, "what is known to be there is not asked for"


def test_datasets_that_are_there_already_are_made_once(runtime: Runtime) -> None:
    assert log_registration.make_datasets(runtime) > 0
    with runtime.session() as session:
        here = now_at_cern(runtime)
        session.delete(session.get_one(records.LogDataset, (here.period, here.storage_id)))
    assert log_registration.make_datasets(runtime) == 1


def test_registration_makes_a_dataset_that_has_gone(runtime: Runtime, stage: Stage) -> None:
    with runtime.session() as session:
        log_datasets.remember(session, now_at_cern(runtime))
    stored = store(runtime, stage)
    assert log_registration.register_logs(runtime).logs == 1
    check_registered(runtime, stored)


def now_at_cern(runtime: Runtime) -> LogDataset:
    with runtime.session() as session:
        period = int(time.time()) // PERIOD_SECONDS * PERIOD_SECONDS
        return LogDataset(period, seed.ensure_storage(session, RSE), RSE)


@pytest.mark.parametrize("after", [False, True])
def test_a_death_at_any_call_changes_nothing(runtime: Runtime, stage: Stage, after: bool) -> None:
    stored = store(runtime, stage)
    deaths = 0
    while state(runtime, stored) is LogsState.WAITING:
        counter = Counter(deaths + 1, Killed(), after=after)
        dying = replace(runtime, rucio=Mortal(runtime.rucio, counter), metacat=Mortal(runtime.metacat, counter))
        try:
            log_registration.register_logs(dying)
        except Killed:
            deaths += 1
    assert deaths >= 3
    check_registered(runtime, stored)


def test_an_outage_at_any_call_postpones(runtime: Runtime, stage: Stage) -> None:
    stored = store(runtime, stage)
    outages = 0
    while state(runtime, stored) is LogsState.WAITING:
        counter = Counter(outages + 1, Unavailable("it rains"))
        failing = replace(runtime, rucio=Mortal(runtime.rucio, counter), metacat=Mortal(runtime.metacat, counter))
        report = log_registration.register_logs(failing)
        outages += report.postponed
        assert report.logs or report.problem == "it rains"
    assert outages >= 3
    check_registered(runtime, stored)


def test_logs_that_can_never_be_registered_do_not_hold_up_others(runtime: Runtime, stage: Stage) -> None:
    good, taken, gone, last = (store(runtime, stage) for _ in range(4))
    runtime.rucio.register(RSE, [NewFile(taken.did, 1, "00000001")])
    Path(urlsplit(gone.pfn).path).unlink()
    assert log_registration.register_logs(runtime).refused == 2
    check_registered(runtime, good)
    check_registered(runtime, last)
    assert (state(runtime, taken), state(runtime, gone)) == (LogsState.REFUSED, LogsState.REFUSED)
    with runtime.session() as session:
        (event,) = session.exec(select(Event).where(Event.job_id == taken.job_id)).all()
    assert event.event_type is EventType.LOGS_REFUSED
    assert event.details
    assert taken.did in event.details["message"]


def test_a_storage_that_does_not_let_datasets_be_made_does_not_hold_up_others(runtime: Runtime) -> None:
    with runtime.session() as session:
        seed.ensure_storage(session, "AAA_UNKNOWN_TO_RUCIO")
    assert log_registration.make_datasets(runtime) == 3 * len(SITES)


def test_nothing_is_made_where_logs_are_not_stored(runtime: Runtime) -> None:
    settings = runtime.settings.model_copy(update={"logs": Logs(stored=False)})
    assert log_registration.make_datasets(replace(runtime, settings=settings)) == 0
