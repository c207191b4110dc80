"""HTCondor itself, through the engine's own adapter."""

import itertools
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.adapters.condor import CondorPool, environment
from engine.errors import ServiceRefused, Unavailable
from engine.pool_ports import GpuNeeds, JobOrder, PoolState
from localgrid import condor, processes
from localgrid.condor_configuration import SCHEDDS
from localgrid.sites import SITES
from tests.support.condor import OwnCondor, own_condor
from tests.support.orders import make_order
from tests.support.waiting import wait_until

SITE = "UK_Manchester"
MANY_JOBS = 2000

TELLS = """
import os, sys
secret = open("job.secret").read()
print("secret", secret, "configuration", open("job.json").read())
for name, value in os.environ.items():
    print("variable", name, value)
    assert secret not in value
print("on stderr", file=sys.stderr)
sys.exit(3)
"""
SLEEPS = "import time; time.sleep(600)"
NOWHERE = "XX_NOWHERE"

Order = Callable[..., JobOrder]


@pytest.fixture
def order(tmp_path: Path) -> Order:
    def make(program: str = SLEEPS, **values: Any) -> JobOrder:
        wrapper = tmp_path / "wrapper.py"
        wrapper.write_text(program)
        return make_order(wrapper, **values)

    return make


@pytest.fixture(autouse=True)
def empty_queue(condor_pool: OwnCondor) -> Iterator[None]:
    """Leave no job of one test to the next."""
    yield
    condor_pool.start()
    condor_pool.clear()


def test_a_job_has_its_files_its_place_and_its_name(condor_pool: OwnCondor, order: Order) -> None:
    jobsub_ids = condor_pool.submit(order(TELLS, jobs=2, sites=(SITE,), hint="w1s1"))
    ended = condor_pool.wait_for(jobsub_ids, PoolState.COMPLETED)
    kept = condor_pool.adapter.logs(jobsub_ids)
    logs = {name: log.wrapper for name, log in kept.items()}

    assert [job.exit_status for job in ended] == [3, 3]
    for number, jobsub_id in enumerate(jobsub_ids):
        assert jobsub_id.endswith(f".{number}@ap.pool.localgrid")
        assert f"secret {number:064x} " in logs[jobsub_id]
        assert '{"allocator_url": "http://127.0.0.1:1/"}' in logs[jobsub_id]
        assert f"variable JUSTIN_JOBSUB_ID {jobsub_id}\n" in logs[jobsub_id]
        assert f"variable GLIDEIN_DUNESite {SITE}\n" in logs[jobsub_id]
        assert f"variable GLIDEIN_Entry_Name LOCAL_{SITE}\n" in logs[jobsub_id]
        assert kept[jobsub_id].stderr == "on stderr\n"


def test_what_htcondor_says_of_a_job_comes_with_the_wrappers(condor_pool: OwnCondor, order: Order) -> None:
    (jobsub_id,) = condor_pool.submit(order(TELLS, sites=(SITE,)))
    condor_pool.wait_for([jobsub_id], PoolState.COMPLETED)
    log = condor_pool.adapter.logs([jobsub_id])[jobsub_id].pool
    # Its own log, event by event, and then the job's ad as it is in the end.
    assert log.startswith("000 (")
    assert "Job executing on host" in log
    assert "Normal termination (return value 3)" in log
    assert "\nExitCode = 3\n" in log
    assert '\nLastRemoteHost = "slot1_' in log
    assert f"{0:064x}" not in log


def test_a_forgotten_job_leaves_the_queue_and_nothing_else_does(condor_pool: OwnCondor, order: Order) -> None:
    one, other = condor_pool.submit(order(TELLS, jobs=2))
    condor_pool.wait_for([one, other], PoolState.COMPLETED)
    condor_pool.adapter.forget([one])

    wait_until(lambda: not condor_pool.ad(one), pause_seconds=0.2)
    assert condor_pool.ad(other)
    # Its schedd still remembers how it ended.
    wait_until(lambda: one in condor_pool.adapter.jobs([one]), pause_seconds=0.2)
    assert (condor_pool.job(one).state, condor_pool.job(one).exit_status) == (PoolState.COMPLETED, 3)
    assert condor_pool.adapter.logs([one]) == {}


def test_no_secret_is_in_an_ad(condor_pool: OwnCondor, order: Order) -> None:
    jobsub_ids = condor_pool.submit(order(jobs=2, sites=(NOWHERE,)))
    for number, jobsub_id in enumerate(jobsub_ids):
        assert f"{number:064x}" not in condor_pool.ad(jobsub_id)


def test_jobs_wait_until_they_are_announced(condor_pool: OwnCondor, order: Order) -> None:
    seen: list[PoolState] = []

    def announce(jobsub_ids: object) -> None:
        assert isinstance(jobsub_ids, list)
        seen.extend(job.state for job in condor_pool.adapter.jobs(jobsub_ids).values())

    condor_pool.adapter.submit(order(TELLS, jobs=2), announce)
    assert seen == [PoolState.IDLE, PoolState.IDLE]


def test_what_raises_in_the_announcement_leaves_no_job(condor_pool: OwnCondor, order: Order) -> None:
    announced: list[str] = []

    def announce(jobsub_ids: object) -> None:
        assert isinstance(jobsub_ids, list)
        announced.extend(jobsub_ids)
        raise RuntimeError("the database is away")

    with pytest.raises(RuntimeError, match="database"):
        condor_pool.adapter.submit(order(TELLS, jobs=2), announce)
    condor_pool.wait_for(announced, PoolState.REMOVED)


def test_a_held_job_says_why(condor_pool: OwnCondor, order: Order) -> None:
    (jobsub_id,) = condor_pool.submit(order(sites=(NOWHERE,)))
    # Until its schedd has sorted its files, the job is held for that.
    wait_until(lambda: "\nJobStatus = 1\n" in condor_pool.ad(jobsub_id), pause_seconds=0.2)
    condor_pool.pool.run("condor_hold", "-reason", "the disk is full", jobsub_id.partition("@")[0])

    (job,) = condor_pool.wait_for([jobsub_id], PoolState.HELD)
    assert "the disk is full" in job.reason


def test_a_job_removed_by_hand_says_so(condor_pool: OwnCondor, order: Order) -> None:
    (jobsub_id,) = condor_pool.submit(order())
    condor_pool.wait_for([jobsub_id], PoolState.RUNNING)
    condor_pool.pool.run("condor_rm", jobsub_id.partition("@")[0])

    (job,) = condor_pool.wait_for([jobsub_id], PoolState.REMOVED)
    assert "condor_rm" in job.reason
    condor_pool.adapter.forget([jobsub_id])
    wait_until(lambda: not condor_pool.ad(jobsub_id), pause_seconds=0.2)


def test_removing_takes_running_and_queued_jobs_out_and_minds_no_others(condor_pool: OwnCondor, order: Order) -> None:
    (running,) = condor_pool.submit(order())
    queued, kept = condor_pool.submit(order(jobs=2, sites=(NOWHERE,)))
    condor_pool.wait_for([running], PoolState.RUNNING)
    unknown = ["999999.0@ap.pool.localgrid", "no job"]

    condor_pool.adapter.remove([running, queued, *unknown])

    condor_pool.wait_for([running, queued], PoolState.REMOVED)
    assert condor_pool.job(kept).state is PoolState.IDLE
    assert condor_pool.adapter.jobs(unknown) == {}


def test_a_job_that_lost_its_slot_is_not_run_again(condor_pool: OwnCondor, order: Order) -> None:
    (jobsub_id,) = condor_pool.submit(order(sites=(SITE,)))
    # Its schedd counts it as running from the match on; one that has not begun by then may begin elsewhere.
    wait_until(lambda: "\nJobCurrentStartExecutingDate = " in condor_pool.ad(jobsub_id), pause_seconds=0.2)
    condor_pool.kill("condor_starter")

    (job,) = condor_pool.wait_for([jobsub_id], PoolState.REMOVED)
    assert "lost its slot" in job.reason


def test_a_job_that_began_once_begins_nowhere_else_before_it_is_removed(condor_pool: OwnCondor, order: Order) -> None:
    (jobsub_id,) = condor_pool.submit(order(TELLS, sites=(NOWHERE,)))
    wait_until(lambda: "\nJobStatus = 1\n" in condor_pool.ad(jobsub_id), pause_seconds=0.2)
    # A schedd that looks at its jobs once a minute has not removed it yet.
    condor_pool.edit(jobsub_id, PeriodicRemove="false", NumJobStarts="1", DESIRED_Sites=f'"{SITE}"')
    later = condor_pool.submit(order(TELLS, sites=(SITE,)))

    condor_pool.wait_for(later, PoolState.COMPLETED)
    assert condor_pool.job(jobsub_id).state is PoolState.IDLE

    condor_pool.edit(jobsub_id, NumJobStarts="0")
    condor_pool.wait_for([jobsub_id], PoolState.COMPLETED)


def test_queued_jobs_outlive_their_schedd(condor_pool: OwnCondor, order: Order) -> None:
    queued = condor_pool.submit(order(jobs=3, sites=(NOWHERE,)))
    wait_until(lambda: all("\nJobStatus = 1\n" in condor_pool.ad(each) for each in queued), pause_seconds=0.2)
    (before,) = condor_pool.daemons("condor_schedd")
    condor_pool.kill("condor_schedd")
    wait_until(lambda: before not in condor_pool.daemons("condor_schedd"), pause_seconds=0.2)

    condor_pool.wait_for(queued, PoolState.IDLE)
    condor_pool.adapter.remove(queued)
    condor_pool.wait_for(queued, PoolState.REMOVED)


def test_a_stopped_pool_tells_nothing_and_comes_back_with_its_jobs(condor_pool: OwnCondor, order: Order) -> None:
    queued = condor_pool.submit(order(jobs=3, sites=(NOWHERE,)))
    processes.stop(condor_pool.directory, condor.COMPONENT)

    with pytest.raises(Unavailable, match="HTCondor"):
        condor_pool.adapter.jobs(queued)
    with pytest.raises(Unavailable, match="HTCondor"):
        condor_pool.submit(order())
    condor_pool.start()
    condor_pool.wait_for(queued, PoolState.IDLE)


def test_jobs_of_a_schedd_that_is_away_are_unseen(condor_pool: OwnCondor, order: Order) -> None:
    (jobsub_id,) = condor_pool.submit(order(sites=(NOWHERE,)))
    elsewhere = "1.0@ap2.pool.localgrid"

    found = condor_pool.adapter.jobs([jobsub_id, elsewhere])

    assert {name: job.state for name, job in found.items()} == {
        jobsub_id: PoolState.IDLE,
        elsewhere: PoolState.UNSEEN,
    }
    assert "ap2.pool.localgrid" in found[elsewhere].reason


def test_a_silent_collector_is_given_up_and_holds_nothing_else(condor_pool: OwnCondor, order: Order) -> None:
    beats: list[float] = []
    done = threading.Event()

    def beat() -> None:
        while not done.wait(0.02):
            beats.append(time.monotonic())

    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        away = CondorPool(condor_pool.settings.model_copy(update={"collector": address, "timeout_seconds": 2.0}))
        other = threading.Thread(target=beat)
        other.start()
        with pytest.raises(Unavailable, match=rf"HTCondor at {address}.*within 2 s"):
            away.submit(order())
        done.set()
        other.join()

    assert max(later - earlier for earlier, later in itertools.pairwise(beats)) < 1


def test_without_a_token_nothing_is_submitted(condor_pool: OwnCondor, order: Order, tmp_path: Path) -> None:
    stranger = CondorPool(condor_pool.settings.model_copy(update={"token_directory": tmp_path}))
    with pytest.raises((ServiceRefused, Unavailable), match="HTCondor"):
        stranger.submit(order())


def test_gpu_jobs_land_only_where_they_fit(condor_pool: OwnCondor, order: Order) -> None:
    shows = "import os; print('visible', os.environ['CUDA_VISIBLE_DEVICES'], 'at', os.environ['GLIDEIN_Entry_Name'])"
    needs = {
        "visible GPU-c0000001,GPU-c0000002 at LOCAL_CH_CERN_GPU": (2, GpuNeeds(min_capability=9.0)),
        "visible GPU-b0000001 at LOCAL_US_FNAL_GPU": (1, GpuNeeds(model="Tesla V100*16GB")),
        "visible GPU-a0000001 at LOCAL_US_FNAL_GPU": (
            1,
            GpuNeeds(memory_bytes=20 << 30, max_capability=8.0, model="NVIDIA A100-SXM4-40GB"),
        ),
    }
    nowhere = {
        "too new": (1, GpuNeeds(min_capability=10.0)),
        "too large": (1, GpuNeeds(memory_bytes=200 << 30)),
        "too many": (3, GpuNeeds()),
        "of another model": (1, GpuNeeds(model="NVIDIA A10*-PCIE*")),
        "written otherwise": (1, GpuNeeds(model="nvidia a100*")),
    }
    submitted = {
        name: condor_pool.submit(order(shows, gpus=gpus, gpu_needs=asked))[0]
        for name, (gpus, asked) in (needs | nowhere).items()
    }

    fitting = [submitted[name] for name in needs]
    condor_pool.wait_for(fitting, PoolState.COMPLETED)
    logs = condor_pool.adapter.logs(fitting)
    assert {name: logs[submitted[name]].wrapper.splitlines()[0] for name in needs} == {name: name for name in needs}
    assert {condor_pool.job(submitted[name]).state for name in nowhere} == {PoolState.IDLE}


def test_slots_with_gpus_are_kept_for_those_who_need_them(condor_pool: OwnCondor, order: Order) -> None:
    shows = "import os; print(os.environ['GLIDEIN_Entry_Name'])"
    jobsub_ids = condor_pool.submit(order(shows, jobs=9))
    condor_pool.wait_for(jobsub_ids, PoolState.COMPLETED)
    entries = {log.wrapper.strip() for log in condor_pool.adapter.logs(jobsub_ids).values()}
    assert entries <= {site.entry for site in SITES}


def test_jobs_take_the_entries_that_fit_and_avoid_nodes(condor_pool: OwnCondor, order: Order) -> None:
    shows = "import os; print(os.environ['GLIDEIN_Entry_Name'])"
    near, far = "UK_Manchester", "CH_CERN"
    orders: dict[str, dict[str, tuple[str, ...]]] = {
        "LOCAL_CH_CERN": {"entries": ("LOCAL_CH_CERN", "LOCAL_UK_Manchester_2")},
        "LOCAL_UK_Manchester": {"entries": ("LOCAL_CH_CERN_2",), "open_sites": (near,)},
    }
    avoided = {
        "LOCAL_CH_CERN": (f"wn1@{near}", f"wn7@{far}"),
        "LOCAL_UK_Manchester": (f"WN1.ch-cern.localgrid@{far}", f"wn1.ch-cern.localgrid@{near}"),
    }
    submitted = [
        *((name, order(shows, sites=(near, far), **wanted)) for name, wanted in orders.items()),
        *((name, order(shows, sites=(near, far), avoided=nodes)) for name, nodes in avoided.items()),
    ]
    never = condor_pool.submit(order(shows, sites=(near, far), avoided=(f"wn1@{near}", f"wn1@{far}")))
    jobsub_ids = [condor_pool.submit(made)[0] for _, made in submitted]
    condor_pool.wait_for(jobsub_ids, PoolState.COMPLETED)
    logs = condor_pool.adapter.logs(jobsub_ids)
    assert [logs[jobsub_id].wrapper.strip() for jobsub_id in jobsub_ids] == [name for name, _ in submitted]
    assert condor_pool.job(never[0]).state is PoolState.IDLE


def test_two_thousand_jobs_are_one_call(condor_pool: OwnCondor, order: Order) -> None:
    jobsub_ids = condor_pool.submit(order(jobs=MANY_JOBS, sites=(NOWHERE,)))
    found = condor_pool.adapter.jobs(jobsub_ids)

    assert len(jobsub_ids) == len(set(jobsub_ids)) == MANY_JOBS
    assert {job.state for job in found.values()} == {PoolState.IDLE}
    assert found.keys() == set(jobsub_ids)
    condor_pool.adapter.remove(jobsub_ids)


def test_more_than_that_are_refused(condor_pool: OwnCondor, order: Order) -> None:
    with pytest.raises(ValueError, match="too many"):
        condor_pool.submit(order(jobs=MANY_JOBS + 1))


def test_jobs_go_to_the_schedd_with_the_shortest_queue(order: Order, tmp_path: Path, condor_pool: OwnCondor) -> None:
    with own_condor(tmp_path / "two", schedds=2) as two:
        first = two.submit(order(jobs=3, sites=(NOWHERE,)))
        names = {first[0].partition("@")[2]}
        wait_until(lambda: "3" in two.pool.run("condor_status", "-schedd", "-autoformat", "TotalIdleJobs").split())
        second = two.submit(order(sites=(NOWHERE,)))
        names.add(second[0].partition("@")[2])
        assert names == set(SCHEDDS)

        only = two.settings.model_copy(update={"schedds": [SCHEDDS[0]]})
        (third,) = CondorPool(only).submit(order(sites=(NOWHERE,)))
        assert third.endswith(f"@{SCHEDDS[0]}")
        assert {job.state for job in two.adapter.jobs([*first, *second, third]).values()} == {PoolState.IDLE}


def test_signing_in_with_scitokens_names_the_file(condor_pool: OwnCondor, tmp_path: Path) -> None:
    chosen = {"authentication": "SCITOKENS", "scitoken_file": tmp_path / "token"}
    variables = environment(condor_pool.settings.model_copy(update=chosen))
    assert variables["_CONDOR_SEC_CLIENT_AUTHENTICATION_METHODS"] == "SCITOKENS"
    assert variables["_CONDOR_SCITOKENS_FILE"] == str(tmp_path / "token")
