"""The process pool, through the engine's own adapter."""

import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.adapters.processes import ProcessPool
from engine.errors import Unavailable
from engine.pool_ports import PoolJob, PoolState
from localgrid import processes
from localgrid.guard import cleaned_up
from localgrid.identity import Identity
from localgrid.pool import jobs, layout
from localgrid.pool.layout import Place, Settings
from localgrid.pool.server import end_jobs
from localgrid.processes import Component
from tests.support.makers import SITE
from tests.support.own_pool import PATH, make_order
from tests.support.waiting import wait_until

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    settings = Settings(slots={SITE: 2, "CH_CERN": 1}, entries=entries(), path=PATH, stop_seconds=1)
    layout.create(tmp_path / "pool", settings)
    with cleaned_up(tmp_path):
        serve(tmp_path)
        yield tmp_path
        processes.stop(tmp_path, "pool")
        end_jobs(tmp_path / "pool")


@pytest.fixture
def pool(home: Path) -> ProcessPool:
    return ProcessPool(home / "pool")


def entries() -> dict[str, str]:
    return {SITE: "LOCAL_A", "CH_CERN": "LOCAL_B"}


def serve(home: Path) -> None:
    server = Component(
        name="pool",
        command=(sys.executable, "-m", "localgrid.pool", str(home / "pool")),
        environment={"PYTHONPATH": str(ROOT)},
        ready=lambda: layout.is_serving(home / "pool"),
    )
    processes.start(home, server)


def kill_server(home: Path) -> None:
    known = processes.record(home, "pool")
    assert known
    assert known.identity
    os.kill(known.identity.pid, signal.SIGKILL)
    wait_until(lambda: not known.running())


def ended(pool: ProcessPool, jobsub_ids: list[str]) -> list[PoolJob]:
    over = {PoolState.COMPLETED, PoolState.REMOVED}
    wait_until(lambda: all(job.state in over for job in pool.jobs(jobsub_ids).values()))
    found = pool.jobs(jobsub_ids)
    return [found[jobsub_id] for jobsub_id in jobsub_ids]


def state(pool: ProcessPool, jobsub_id: str) -> PoolState:
    return pool.jobs([jobsub_id])[jobsub_id].state


def log(pool: ProcessPool, jobsub_id: str) -> str:
    return pool.logs([jobsub_id])[jobsub_id].wrapper


def test_job_finds_its_files_its_place_and_nothing_else(home: Path, pool: ProcessPool) -> None:
    program = """
import json, os, pathlib
told = json.loads(pathlib.Path("job.json").read_text())
secret = pathlib.Path("job.secret")
print(told["jobsub_id"] == os.environ["JUSTIN_JOBSUB_ID"], told["allocator_url"])
print(secret.read_text(), oct(secret.stat().st_mode)[-3:])
print(sorted(os.environ))
print(os.environ["GLIDEIN_DUNESite"], os.environ["GLIDEIN_Entry_Name"])
print(open(os.environ["_CONDOR_JOB_AD"]).read(), open(os.environ["_CONDOR_MACHINE_AD"]).read())
print(os.getcwd() == os.environ["_CONDOR_SCRATCH_DIR"], os.path.isdir(os.environ["TMPDIR"]))
raise SystemExit(7)
"""
    (jobsub_id,) = pool.submit(make_order(home, program))
    (job,) = ended(pool, [jobsub_id])
    told = log(pool, jobsub_id)
    assert (job.state, job.exit_status) == (PoolState.COMPLETED, 7)
    lines = told.splitlines()
    assert lines[:2] == ["True http://127.0.0.1:1/", "secret 0 400"]
    assert {name for name in eval(lines[2]) if name != "LC_CTYPE"} == {
        "PATH", "GLIDEIN_DUNESite", "GLIDEIN_Site", "GLIDEIN_Entry_Name", "JUSTIN_JOBSUB_ID", "_CONDOR_JOB_AD",
        "_CONDOR_MACHINE_AD", "_CONDOR_SCRATCH_DIR", "_CONDOR_SLOT", "TMPDIR", "PWD",
    }  # fmt: skip
    assert lines[3] == f"{SITE} LOCAL_A"
    for line in ("RequestCpus = 2", "RequestMemory = 3000", 'Project = "the \\"best\\""', "Cpus = 2"):
        assert line in lines
    assert lines[-1] == "True True"


def test_files_of_an_ended_job_are_gone(home: Path, pool: ProcessPool) -> None:
    jobsub_ids = pool.submit(make_order(home, "import os; os.mkdir('a', 0o500)"))
    ended(pool, jobsub_ids)
    job_directory = home / "pool" / "clusters" / "1" / "0"
    assert not (job_directory / "scratch").exists()
    assert not (job_directory / "sandbox").exists()


def test_jobs_wait_for_the_slots_of_their_sites(home: Path, pool: ProcessPool) -> None:
    gate = home / "gate"
    program = f"import os, time\nwhile not os.path.exists({str(gate)!r}): time.sleep(0.02)\n"
    jobsub_ids = pool.submit(make_order(home, program, jobs=4))
    elsewhere = pool.submit(make_order(home, program, sites=("CH_CERN",)))
    wait_until(lambda: state(pool, elsewhere[0]) == PoolState.RUNNING)
    states = [pool.jobs(jobsub_ids)[jobsub_id].state for jobsub_id in jobsub_ids]
    assert states == [PoolState.RUNNING, PoolState.RUNNING, PoolState.IDLE, PoolState.IDLE]
    gate.touch()
    assert {job.exit_status for job in ended(pool, [*jobsub_ids, *elsewhere])} == {0}


def test_waiting_and_running_jobs_can_be_removed(home: Path, pool: ProcessPool) -> None:
    jobsub_ids = pool.submit(make_order(home, "import time; time.sleep(600)", jobs=3))
    wait_until(lambda: state(pool, jobsub_ids[0]) == PoolState.RUNNING)
    pool.remove([jobsub_ids[0], jobsub_ids[2], "99.0@nowhere"])
    removed = ended(pool, [jobsub_ids[0], jobsub_ids[2]])
    assert {job.state for job in removed} == {PoolState.REMOVED}
    assert state(pool, jobsub_ids[1]) == PoolState.RUNNING


def test_job_that_ignores_the_request_to_stop_is_killed(home: Path, pool: ProcessPool) -> None:
    program = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True)\n"
    (jobsub_id,) = pool.submit(make_order(home, program + "time.sleep(600)"))
    wait_until(lambda: "deaf" in log(pool, jobsub_id))
    pool.remove([jobsub_id])
    assert ended(pool, [jobsub_id])[0].state == PoolState.REMOVED


def test_nothing_of_a_job_outlives_it(home: Path, pool: ProcessPool) -> None:
    program = "import subprocess; print(subprocess.Popen(['setsid', 'sleep', '600']).pid)"
    (jobsub_id,) = pool.submit(make_order(home, program))
    ended(pool, [jobsub_id])
    assert Identity.of(int(log(pool, jobsub_id) or 0)) is None


def test_jobs_go_on_without_the_server_and_the_next_one_finds_them(home: Path, pool: ProcessPool) -> None:
    gate, runs = home / "gate", home / "runs"
    program = f"""
import os, time
open({str(runs)!r}, "a").write(os.environ["JUSTIN_JOBSUB_ID"] + chr(10))
while not os.path.exists({str(gate)!r}): time.sleep(0.02)
raise SystemExit(5)
"""
    jobsub_ids = pool.submit(make_order(home, program, jobs=3))
    wait_until(lambda: runs.exists() and len(runs.read_text().splitlines()) == 2)
    kill_server(home)
    gate.touch()
    wait_until((home / "pool" / "clusters" / "1" / "0" / "exit").exists)
    assert state(pool, jobsub_ids[0]) == PoolState.RUNNING
    serve(home)
    assert [job.exit_status for job in ended(pool, jobsub_ids)] == [5, 5, 5]
    assert sorted(runs.read_text().split()) == sorted(jobsub_ids)


def test_job_whose_processes_vanished_ends_as_killed(home: Path, pool: ProcessPool) -> None:
    (jobsub_id,) = pool.submit(make_order(home, "print('on', flush=True); import time; time.sleep(600)"))
    wait_until(lambda: "on" in log(pool, jobsub_id))
    kill_server(home)
    starter = Identity.parse((home / "pool" / "clusters" / "1" / "0" / "process").read_text())
    assert starter
    os.killpg(starter.pid, signal.SIGKILL)
    serve(home)
    (job,) = ended(pool, [jobsub_id])
    assert (job.state, job.exit_status, job.reason) == (PoolState.COMPLETED, 137, "its processes vanished")


def test_killed_program_ends_with_its_signal(home: Path, pool: ProcessPool) -> None:
    (jobsub_id,) = pool.submit(make_order(home, "import os; os.kill(os.getpid(), 9)"))
    assert ended(pool, [jobsub_id])[0].exit_status == 137


def test_of_two_starters_one_runs_the_job(tmp_path: Path) -> None:
    settings = Settings(slots={SITE: 1}, entries=entries(), path=PATH, name="pool.localhost")
    layout.create(tmp_path, settings)
    runs = tmp_path / "runs"
    jobsub_ids = ProcessPool(tmp_path).submit(make_order(tmp_path, f"open({str(runs)!r}, 'a').write('ran ')"))
    (job,) = layout.jobs_of(tmp_path / "queue" / "1", settings.name)
    assert [job.jobsub_id] == jobsub_ids
    for _ in range(5):
        jobs.begin(job, Place(SITE, "slot1", time.time()), settings)
    wait_until(lambda: job.exit_status() is not None)
    assert runs.read_text() == "ran "


def test_job_that_can_never_run_here_is_held_with_the_reason(home: Path, pool: ProcessPool) -> None:
    (at_sea,) = pool.submit(make_order(home, "", sites=("NO_Where",)))
    (with_gpu,) = pool.submit(make_order(home, "", gpus=1))
    wait_until(lambda: state(pool, with_gpu) == PoolState.HELD)
    assert pool.jobs([at_sea])[at_sea].reason == "no slots at NO_Where"
    assert pool.jobs([with_gpu])[with_gpu].reason == "no slot here has GPUs"
    pool.remove([at_sea])
    assert ended(pool, [at_sea])[0].state == PoolState.REMOVED


def test_pool_forgets_ended_jobs_only(home: Path, pool: ProcessPool) -> None:
    jobsub_ids = pool.submit(make_order(home, "", jobs=2))
    waiting = pool.submit(make_order(home, "import time; time.sleep(600)"))
    ended(pool, jobsub_ids)
    pool.forget([*jobsub_ids, *waiting])
    assert pool.jobs(jobsub_ids) == {}
    assert pool.logs(jobsub_ids[:1]) == {}
    assert list(pool.jobs(waiting)) == waiting
    assert not (home / "pool" / "clusters" / "1").exists()


def test_shutting_down_ends_the_jobs(home: Path, pool: ProcessPool) -> None:
    (jobsub_id,) = pool.submit(make_order(home, "import os, time; print(os.getpid(), flush=True); time.sleep(600)"))
    wait_until(lambda: log(pool, jobsub_id))
    pid = int(log(pool, jobsub_id) or 0)
    processes.stop(home, "pool")
    assert Identity.of(pid) is None
    assert pool.jobs([jobsub_id])[jobsub_id].reason == "the pool was shut down"


def test_cluster_numbers_never_come_again(home: Path, pool: ProcessPool) -> None:
    first = pool.submit(make_order(home, ""))
    ended(pool, first)
    pool.forget(first)
    assert pool.submit(make_order(home, "")) != first


def test_missing_pool_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="process pool"):
        ProcessPool(tmp_path / "nothing").submit(make_order(tmp_path, ""))
