"""Whatever happens to the catalogues or to the registration itself, each output is registered once, and whole."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import count
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from requests.adapters import HTTPAdapter

from engine import outputs
from engine.adapters.metacat import MetaCat
from engine.adapters.rucio import Rucio
from engine.runtime import Runtime
from justin.states import FileState
from localgrid.grid import Grid
from tests.support import books
from tests.support.failing_proxy import failing
from tests.support.mortal import Killed
from tests.support.uploads import (
    DAY_SECONDS,
    RSE,
    SCOPE,
    Uploaded,
    at_once,
    check_registered,
    drain,
    make_work,
    plain_name,
    states,
    upload,
)

COPIES_AT = "FNAL"


@pytest.fixture
def runtime(grid_runtime: Runtime) -> Runtime:
    return at_once(grid_runtime)


def make_all_kinds(runtime: Runtime) -> tuple[int, int]:
    """Make a stage whose outputs go into one dataset of each kind."""
    return make_work(runtime, rse_expression=COPIES_AT, destination="mine", for_next_stage=True)


def check_once(grid: Grid, runtime: Runtime, jobs: Sequence[Uploaded]) -> None:
    """See that database, Rucio and MetaCat agree on all, and that there is one rule where there should be one."""
    every = f"{runtime.settings.instance}-w"
    dumps = [books.rucio_dump(grid, SCOPE, prefix) for prefix in (every, f"mine-{every}")]
    datasets = {name: dataset for dump in dumps for name, dataset in dump["datasets"].items()}
    for plain in {plain_name(runtime, job) for job in jobs}:
        inside = [job for job in jobs if plain_name(runtime, job) == plain]
        files = sorted(did.partition(":")[2] for job in inside for did in job.outputs)
        for name, places in ((f"{plain}-{RSE}", [RSE]), (f"mine-{plain}", []), (f"mine-{plain}n001", [COPIES_AT])):
            dataset = datasets.pop(name)
            assert dataset["files"] == files
            assert [rule["rse_expression"] for rule in dataset["rules"]] == places
            assert all(abs(rule["lifetime_seconds"] - DAY_SECONDS) < 60 for rule in dataset["rules"])
            assert runtime.metacat.summary(f"files from {SCOPE}:{name}").count == len(files)
            assert runtime.metacat.missing_from(f"{SCOPE}:{name}", [f"{SCOPE}:{file}" for file in files]) == set()
    assert not datasets
    for job in jobs:
        assert states(runtime, job) == {FileState.UNALLOCATED: len(job.outputs), FileState.PROCESSED: 2}


@dataclass
class Death:
    """Ends whoever has made so many calls to a port, once the last of them is answered."""

    port: int
    calls: int

    def after(self, answer: requests.Response) -> None:
        """Count a call that was answered."""
        if urlsplit(answer.url).port == self.port:
            self.calls -= 1
            if self.calls == 0:
                answer.close()
                raise Killed


@contextmanager
def mortal(death: Death) -> Iterator[None]:
    """Let a death happen to this process's calls."""
    really_send = HTTPAdapter.send

    def send(self: HTTPAdapter, request: requests.PreparedRequest, *args: Any, **options: Any) -> requests.Response:
        answer = really_send(self, request, *args, **options)
        death.after(answer)
        return answer

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(HTTPAdapter, "send", send)
        yield


@pytest.mark.parametrize("service", ["rucio", "metacat"])
def test_a_death_between_any_two_calls_changes_nothing(grid: Grid, runtime: Runtime, service: str) -> None:
    runtime.rucio.ping()
    runtime.metacat.ensure_namespace(SCOPE)
    jobs = []
    for calls in count(1):
        jobs.append(upload(runtime, *make_all_kinds(runtime), 2))
        try:
            with mortal(Death(grid.ports[service], calls)):
                outputs.register_outputs(runtime)
        except Killed:
            assert states(runtime, jobs[-1]) == {FileState.UPLOADED: 2, FileState.OUTPUTTING: 2}
            drain(runtime)
        else:
            break
    assert len(jobs) > {"rucio": 10, "metacat": 12}[service]
    for job in jobs:
        check_registered(runtime, job, [])
    check_once(grid, runtime, jobs)


def test_every_third_call_to_rucio_may_fail(grid: Grid, runtime: Runtime) -> None:
    work = make_all_kinds(runtime)
    jobs = [upload(runtime, *work, 2) for _ in range(3)]
    with failing(grid.ports["rucio"], every=3) as proxy:
        settings = runtime.settings.rucio.model_copy(update={"url": proxy.url})
        failing_runtime = replace(runtime, rucio=Rucio(settings, runtime.settings.replicas.schemes))
        while states(runtime, jobs[0])[FileState.UPLOADED]:
            outputs.register_outputs(failing_runtime)
        assert proxy.failed > 3
    check_once(grid, runtime, jobs)


def test_outputs_wait_for_metacat_as_long_as_it_takes(grid: Grid, runtime: Runtime) -> None:
    work = make_all_kinds(runtime)
    silent = MetaCat(runtime.settings.metacat.model_copy(update={"url": "http://127.0.0.1:9"}))
    alone = replace(runtime, metacat=silent)
    jobs = []
    for _ in range(2):
        jobs.append(upload(runtime, *work, 2))
        report = outputs.register_outputs(alone)
        assert (report.outputs, report.postponed_jobs) == (0, len(jobs))
        assert "MetaCat does not answer" in report.problem
    # What MetaCat cannot take is not told to Rucio either.
    assert runtime.rucio.files([did for job in jobs for did in job.outputs]) == {}
    drain(runtime)
    check_once(grid, runtime, jobs)
