"""What a job costs beyond its jobscript: from the start of the wrapper to the end of the job, uploads included."""

import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr

from benchmarks.report import Figure, Report, progress
from engine import finder, job_factory, wiring
from engine.rights import Caller
from engine.runtime import Runtime
from engine.settings import Allocator, Containers, Database, Factory, Pool, Settings
from engine.submission import Submission, create_workflow
from justin.schemas.specs import OutputSpec, StageSpec, WorkflowSpec
from justin.states import JobState
from localgrid import lifecycle
from localgrid.grid import Grid
from localgrid.guard import cleaned_up
from localgrid.pool import alone, layout
from localgrid.pool.alone import Ran
from localgrid.processes import Component
from models import seed
from models.queries import jobs
from scripts import servers
from scripts.servers import Servers

JOBS, QUICK_JOBS, WARM_UP_JOBS = 40, 10, 2
LIMIT_SECONDS = 1.5
OUTPUT_BYTES = 1 << 20
PATH = f"{Path(sys.executable).parent}:/usr/bin:/bin"
TIMING = re.compile(r" timing: (\w[\w ]*?) +(\d+\.\d+) s$", re.MULTILINE)

JOBSCRIPT = f"""#!/bin/sh
set -e
did_pfn_rse=$($JUSTIN_PATH/justin-get-file)
head -c {OUTPUT_BYTES} /dev/zero > "made-of-${{did_pfn_rse%% *}}.dat"
echo "${{did_pfn_rse%% *}}" > justin-processed-dids.txt
"""


@dataclass(frozen=True, slots=True)
class Place:
    """Where jobs are submitted and run."""

    runtime: Runtime
    site: str


def measure(*, quick: bool) -> Report:
    """Run jobs one after the other and take the median of what each costs."""
    with _place() as place:
        return measure_jobs(place, QUICK_JOBS if quick else JOBS)


def measure_jobs(place: Place, count: int) -> Report:
    """Measure with so many jobs."""
    progress(f"running {WARM_UP_JOBS + count} jobs one after the other")
    ran = _run(place, WARM_UP_JOBS + count)[WARM_UP_JOBS:]
    return Report("wrapper", _figures(ran, [_floor() for _ in ran]), _remarks(count))


def _figures(ran: Sequence[Ran], floor: Sequence[float]) -> list[Figure]:
    seconds = sorted(one.seconds for one in ran)
    bare = statistics.median(floor)
    return [
        Figure("overhead_s", statistics.median(seconds), f"limit {LIMIT_SECONDS} s; floor {bare:.3f} s"),
        Figure("overhead_longest_s", seconds[-1]),
        Figure("floor_s", bare, "a Python that does nothing, and a copy of the output"),
        *_steps(ran),
        Figure("jobs", len(ran)),
    ]


def _steps(ran: Sequence[Ran]) -> list[Figure]:
    """Tell from the wrappers' logs where the time goes."""
    by_step: dict[str, list[float]] = {}
    for one in ran:
        for step, seconds in TIMING.findall(one.log):
            by_step.setdefault(step, []).append(float(seconds))
    return [
        Figure(f"{step.replace(' ', '_')}_s", statistics.median(seconds), "of the wrapper's own clock")
        for step, seconds in by_step.items()
    ]


def _remarks(count: int) -> list[str]:
    return [
        f"{count} jobs, one after the other; {JOBS} without --quick, {QUICK_JOBS} with it.",
        f"Each has one input, calls justin-get-file once, and uploads {OUTPUT_BYTES} bytes to the storage beside it.",
        "PostgreSQL (committing to disk), Rucio, MetaCat and the allocator are real.",
    ]


def _run(place: Place, count: int) -> list[Ran]:
    _submit(place.runtime, count)
    directory = place.runtime.settings.pool.directory
    queued = alone.take_jobs(directory)
    ran = [alone.run_job(directory, job, place.site) for job in queued]
    with place.runtime.session() as session:
        ended = [jobs.one_job(session, job.jobsub_id) for job in queued]
    for job, one in zip(ended, ran, strict=True):
        if job is None or job.state is not JobState.FINISHED:
            raise RuntimeError(f"a job did not finish, but said: {one.log}")
    return ran


def _submit(runtime: Runtime, count: int) -> None:
    with runtime.session() as session:
        caller = Caller(seed.ensure_user(session, "benchmark"), "benchmark")
    stage = StageSpec(
        jobscript=JOBSCRIPT, outputs=[OutputSpec(pattern="*.dat", lifetime_days=1)], wall_seconds=600, rss_mib=500
    )
    spec = WorkflowSpec(mql=f"monte-carlo {count}", stages=[stage])
    workflow_id = create_workflow(runtime, caller, Submission(spec, submit=True))
    finder.find_files(runtime, workflow_id)
    job_factory.submit_jobs(runtime)


def _floor() -> float:
    """Measure what no wrapper can do without."""
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "output"
        output.write_bytes(bytes(OUTPUT_BYTES))
        began = time.monotonic()
        subprocess.run(["python3", "-c", "pass"], check=True, env={"PATH": PATH})
        shutil.copyfile(output, Path(folder) / "copy")
        return time.monotonic() - began


@contextmanager
def _place() -> Iterator[Place]:
    """Start a grid and an allocator, and make a pool that nobody else serves."""
    with tempfile.TemporaryDirectory(prefix="justin-benchmark-") as folder, cleaned_up(Path(folder)):
        directory = Path(folder)
        directory.chmod(0o755)
        progress("starting PostgreSQL, Rucio, MetaCat and the allocator")
        try:
            yield from _started(directory)
        finally:
            lifecycle.down(directory, clean=True)


def _started(directory: Path) -> Iterator[Place]:
    ours: list[Servers] = []

    def allocator(grid: Grid) -> list[Component]:
        ours.append(servers.plan(grid))
        return [ours[0].allocator()]

    grid = lifecycle.up(directory, more=allocator)
    entries = {site.name: site.entry for site in grid.sites}
    pool = directory / "jobs"
    layout.create(pool, layout.Settings(slots=dict.fromkeys(entries, 1), entries=entries, path=PATH))
    settings = Settings(
        database=Database(url=SecretStr(grid.database_url)),
        pool=Pool(directory=pool),
        allocator=Allocator(url=ours[0].allocator_url),
        factory=Factory(first_wave=WARM_UP_JOBS + JOBS),
        containers=Containers(privileged_quotas=["*"]),
    )
    runtime = wiring.assemble(settings, "justin-benchmark")
    yield Place(runtime, grid.sites[0].name)
    runtime.database.close()
