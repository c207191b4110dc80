"""Whatever happens to a real HTCondor pool or to the network: files come back, and each is processed once."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path

import pytest

from justin.schemas.specs import OutputSpec, StageSpec, WorkflowSpec
from justin.states import EventType, JobState
from localgrid import condor, processes
from localgrid.identity import marked_processes
from localgrid.sites import SITES
from tests.support import books
from tests.support.network import Cut
from tests.support.pool_system import PoolSystem
from tests.support.registrar import SCOPE, Input, register
from tests.support.rows import Row
from tests.support.system import AGENTS
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.system, pytest.mark.timeout(600)]

FILES = 6
POOL_SECONDS = 120
PAUSE_SECONDS = 0.2
REMOVED = " 3"
METHODS = ("get_jobscript", "get_file", "record_results", "confirm_results")

# A job that has its file waits to be told how to go on, so that nothing hangs on how long anything takes.
JOBSCRIPT = r"""#!/bin/sh
did_pfn_rse=$("$JUSTIN_PATH/justin-get-file")
[ "$did_pfn_rse" ] || exit 0
pfn=$(echo "$did_pfn_rse" | cut -d' ' -f2)
name=$(basename "$pfn" .txt)
until [ -e "{go}/all" ] || [ -e "{go}/$name" ]
do
  sleep 0.1
done
cp "${{pfn#file://localhost}}" "$name-w$JUSTIN_WORKFLOW_ID.out" || exit 1
echo "$did_pfn_rse" | cut -d' ' -f1 > justin-processed-dids.txt
"""


@dataclass(frozen=True)
class Work:
    """A workflow whose jobs take a file each and then wait."""

    on: PoolSystem
    workflow_id: int
    go: Path
    names: Sequence[str]

    def let(self, name: str = "all") -> None:
        """Let the job with a file go on, or all."""
        (self.go / name).touch()

    def jobs(self, *states: JobState) -> list[Row]:
        """Return the jobs that are in one of these states."""
        return [job for job in self.on.system.rows.jobs(self.workflow_id) if job["state"] in states]

    def wait_for(self, count: int, *states: JobState) -> list[Row]:
        """Wait until so many jobs are in one of these states, and return them."""
        wait_until(lambda: len(self.jobs(*states)) >= count, POOL_SECONDS, PAUSE_SECONDS)
        return self.jobs(*states)

    def finish(self, left_in_queue: Sequence[str] = ()) -> None:
        """Let everything go on to its end, which every book must agree about; the queue keeps only what is named."""
        self.let()
        system, workflow_id = self.on.system, self.workflow_id
        system.finish(workflow_id)
        books.check_each_processed_once(system.rows, workflow_id)
        books.check_no_event_is_missing(system.rows, workflow_id)
        written = books.read(system.grid, system.rows, workflow_id, system.instance)
        written.check_files()
        written.check_datasets({"": 86_400})
        assert sorted(written.outputs) == sorted(f"{name}-w{workflow_id}.out" for name in self.names)
        wait_until(lambda: set(self.on.pool.queue()) <= set(left_in_queue), POOL_SECONDS, PAUSE_SECONDS)

    def events(self, event_type: EventType) -> list[Row]:
        """Return what has happened of a kind."""
        return [event for event in self.on.system.rows.events(self.workflow_id) if event["event_type"] == event_type]

    def check_given_back(self, jobs: Sequence[Row]) -> None:
        """Each of the jobs has ended without success, and has given back the one file that it had."""
        released = Counter(event["job_id"] for event in self.events(EventType.FILE_RELEASED))
        for job in jobs:
            assert released[job["job_id"]] == 1, job["jobsub_id"]
            wait_until(partial(is_gone, job), POOL_SECONDS, PAUSE_SECONDS)


def is_gone(job: Row) -> bool:
    """Say whether no process of a job is left."""
    return not marked_processes(f"JUSTIN_JOBSUB_ID={job['jobsub_id']}")


Begin = Callable[[str], Work]


@pytest.fixture
def begin(pool_system: PoolSystem, tmp_path: Path) -> Iterator[Begin]:
    """A function that submits a workflow of a name; whatever happens to the test, its jobs go on in the end."""
    made: list[Work] = []

    def make(name: str) -> Work:
        files = []
        for number in range(FILES):
            path = tmp_path / f"{name}-{number}.txt"
            path.write_text(f"text {number} of {name}\n")
            files.append(Input(str(path), SITES[number % len(SITES)].rse, {"core.number": number}))
        system = pool_system.system
        register(system.grid, name, files)
        go = tmp_path / "go"
        go.mkdir()
        stage = StageSpec(
            jobscript=JOBSCRIPT.format(go=go),
            outputs=[OutputSpec(pattern="*.out", lifetime_days=1)],
            wall_seconds=600,
            rss_mib=500,
            max_distance=100,
            max_files_per_job=1,
            max_allocations=20,
        )
        workflow_id = system.submit(WorkflowSpec(mql=f"files from {SCOPE}:{name}", stages=[stage]))
        work = Work(pool_system, workflow_id, go, [Path(file.path).stem for file in files])
        made.append(work)
        return work

    yield make
    for work in made:
        work.let()


def failed_cycles(pool_system: PoolSystem) -> int:
    """Count how often the agents have found the pool not to answer."""
    log = processes.log_path(pool_system.system.grid.directory, AGENTS)
    return sum("engine.errors.Unavailable: HTCondor" in line for line in log.read_text().splitlines())


def test_a_schedd_killed_while_jobs_run_loses_none_of_them(pool_system: PoolSystem, begin: Begin) -> None:
    work = begin("schedd-killed")
    before = work.wait_for(FILES, JobState.PROCESSING)
    # More than one while it lets a copy of itself transfer files.
    killed = set(pool_system.pool.daemons("condor_schedd"))
    pool_system.pool.kill("condor_schedd")
    wait_until(lambda: set(pool_system.pool.daemons("condor_schedd")) - killed, POOL_SECONDS, PAUSE_SECONDS)

    work.finish()

    assert [job["jobsub_id"] for job in work.jobs(JobState.FINISHED)] == [job["jobsub_id"] for job in before]


def test_jobs_whose_starter_is_killed_give_their_files_back(pool_system: PoolSystem, begin: Begin) -> None:
    work = begin("starters-killed")
    killed = work.wait_for(FILES, JobState.PROCESSING)
    pool_system.pool.kill("condor_starter")
    ended = work.wait_for(FILES, JobState.STALLED, JobState.ABORTED)

    assert {job["job_id"] for job in ended} == {job["job_id"] for job in killed}
    # HTCondor may begin one a second time before it sees that it has begun it once; that is told that it has its work.
    messages = [job["state_message"] for job in ended if job["state"] == JobState.STALLED]
    assert all("lost its slot" in message or "completed with status 1" in message for message in messages)
    work.check_given_back(ended)
    work.finish()


def test_jobs_held_and_removed_by_hand_give_their_files_back(pool_system: PoolSystem, begin: Begin) -> None:
    work = begin("by-hand")
    held, removed, *others = work.wait_for(FILES, JobState.PROCESSING)
    pool_system.pool.pool.run("condor_hold", "-reason", "by the test", held["jobsub_id"].partition("@")[0])
    pool_system.pool.pool.run("condor_rm", removed["jobsub_id"].partition("@")[0])
    ended = work.wait_for(2, JobState.STALLED, JobState.ABORTED)

    assert {job["job_id"] for job in ended} == {held["job_id"], removed["job_id"]}
    (now,) = [job for job in ended if job["job_id"] == held["job_id"]]
    assert now["state"] == JobState.ABORTED or "by the test" in now["state_message"]
    work.finish()
    work.check_given_back(ended)
    assert {job["job_id"] for job in others} <= {job["job_id"] for job in work.jobs(JobState.FINISHED)}


def test_nothing_is_concluded_from_the_silence_of_the_pool(pool_system: PoolSystem, begin: Begin) -> None:
    """For longer than any patience with it: agents that hear nothing wait, and jobs that need no pool go on."""
    work = begin("pool-frozen")
    running = work.wait_for(FILES, JobState.PROCESSING)
    with pool_system.pool.frozen():
        before = failed_cycles(pool_system)
        for name in work.names[: FILES // 2]:
            work.let(name)
        work.wait_for(FILES // 2, JobState.FINISHED)
        wait_until(lambda: failed_cycles(pool_system) >= before + 3, POOL_SECONDS, PAUSE_SECONDS)
        assert len(work.jobs(JobState.PROCESSING)) == FILES - FILES // 2

    work.finish()

    assert [job["job_id"] for job in work.jobs(JobState.FINISHED)] == [job["job_id"] for job in running]


def test_a_pool_that_was_stopped_goes_on_where_it_was(pool_system: PoolSystem, begin: Begin) -> None:
    work = begin("pool-stopped")
    running = work.wait_for(FILES, JobState.PROCESSING)
    processes.stop(pool_system.pool.directory, condor.COMPONENT)
    before = failed_cycles(pool_system)
    wait_until(lambda: failed_cycles(pool_system) > before, POOL_SECONDS, PAUSE_SECONDS)
    pool_system.pool.start()
    ended = work.wait_for(FILES, JobState.STALLED, JobState.ABORTED)

    assert {job["job_id"] for job in ended} == {job["job_id"] for job in running}
    work.check_given_back(ended)
    # For as long as their lease lasts, 40 minutes, it looks for the starters that it knew.
    work.finish(left_in_queue=[job["jobsub_id"].partition("@")[0] + REMOVED for job in running])
    pool_system.pool.clear()


def test_calls_that_are_lost_are_made_again_and_count_once(pool_system: PoolSystem, begin: Begin) -> None:
    network = pool_system.network
    with ExitStack() as cuts:
        damages = [
            cuts.enter_context(network.cut(how, method, calls=1))
            for how, method in product((Cut.SILENT, Cut.REFUSED, Cut.REPLY_LOST), METHODS)
        ]
        work = begin("calls-lost")
        work.let()
        for damage in damages:
            damage.wait(POOL_SECONDS)
            damage.mended.set()

    work.finish()
    # The file of an answer that was lost came back when its job had ended.
    assert len(work.events(EventType.FILE_RELEASED)) == len(work.events(EventType.FILE_ALLOCATED)) - FILES > 0


def test_jobs_outlive_a_network_that_is_away_for_a_while(pool_system: PoolSystem, begin: Begin) -> None:
    work = begin("network-away")
    running = work.wait_for(FILES, JobState.PROCESSING)
    with pool_system.network.cut(Cut.REFUSED) as damage:
        work.let()
        # A heartbeat and the results of every job, more than once.
        damage.wait(POOL_SECONDS, hits=4 * FILES)
        assert len(work.jobs(JobState.PROCESSING)) == FILES

    work.finish()

    assert [job["job_id"] for job in work.jobs(JobState.FINISHED)] == [job["job_id"] for job in running]
