"""The HTCondor pool with many jobs in its queue: how long a cycle of the job factory and of the job watch take."""

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from pydantic import SecretStr

from benchmarks.report import Figure, Report, progress
from engine import finder, job_factory, job_watch, wiring
from engine.rights import Caller
from engine.runtime import Runtime
from engine.settings import Containers, Database, Factory, Settings
from engine.settings import Pool as PoolSettings
from engine.submission import Submission, create_workflow
from justin.schemas.specs import StageSpec, WorkflowSpec
from localgrid import condor, condor_programs, postgres, processes
from localgrid.condor import Pool
from localgrid.errors import GridError
from localgrid.ports import free_port
from localgrid.sites import SERVICE_USER, SITES
from models import database, migrations, seed

JOBS, QUICK_JOBS = 2000, 500
SUBMIT_LIMIT_SECONDS, WATCH_LIMIT_SECONDS = 20, 5
DATABASE = "justin_benchmark"
JOBSCRIPT = "#!/bin/sh\nexit 0\n"
NO_SLOTS = 0
"""The jobs stay in the queue: it is the queue that is measured."""


def measure(*, quick: bool) -> Report:
    """Start a database and a pool without slots, and measure cycles with so many jobs."""
    why = condor.obstacle()
    if why:
        raise GridError(f"there can be no HTCondor pool here: {why}")
    with _place() as runtime:
        return measure_jobs(runtime, QUICK_JOBS if quick else JOBS)


def measure_jobs(runtime: Runtime, count: int) -> Report:
    """Submit so many jobs in one cycle, and watch them in another."""
    _make_workflow(runtime, count)
    progress(f"submitting {count} jobs")
    began = time.monotonic()
    done = job_factory.submit_jobs(runtime)
    submit_seconds = time.monotonic() - began
    if done.submitted != count:
        raise RuntimeError(f"{done.submitted} jobs were submitted instead of {count}")
    watch_seconds = min(_watch(_looking_every(runtime, 0)) for _ in range(3))
    changes_seconds = min(_watch(runtime) for _ in range(3))
    figures = [
        Figure("submit_s", submit_seconds, f"limit {SUBMIT_LIMIT_SECONDS} s"),
        Figure("watch_s", watch_seconds, f"looks at all jobs, limit {WATCH_LIMIT_SECONDS} s"),
        Figure("watch_changes_s", changes_seconds, "looks at what has changed"),
        Figure("jobs", count),
    ]
    return Report("pool", figures, [f"{count} jobs with one input each, their files spooled to one schedd."])


def _looking_every(runtime: Runtime, seconds: float) -> Runtime:
    watch = runtime.settings.watch.model_copy(update={"full_look_seconds": seconds})
    return replace(runtime, settings=runtime.settings.model_copy(update={"watch": watch}))


def _watch(runtime: Runtime) -> float:
    began = time.monotonic()
    job_watch.watch_jobs(runtime)
    return time.monotonic() - began


def _make_workflow(runtime: Runtime, count: int) -> None:
    with runtime.session() as session:
        quota = seed.ensure_quota(session, SERVICE_USER)
        seed.ensure_scope(session, "usertests", quota)
        for site in SITES:
            seed.ensure_site(session, site.name)
        caller = Caller(seed.ensure_user(session, "benchmark"), "benchmark")
    spec = WorkflowSpec(mql=f"monte-carlo {count}", stages=[StageSpec(jobscript=JOBSCRIPT, rss_mib=500)])
    workflow_id = create_workflow(runtime, caller, Submission(spec, submit=True))
    finder.find_files(runtime, workflow_id)


@contextmanager
def _place() -> Iterator[Runtime]:
    condor_programs.build()
    with tempfile.TemporaryDirectory(prefix="justin-benchmark-") as folder:
        directory = Path(folder)
        directory.chmod(0o755)
        progress("starting PostgreSQL and HTCondor")
        with postgres.running(directory) as server:
            server.create_database(DATABASE)
            pool = Pool(directory / "condor", free_port(), SITES, NO_SLOTS, directory / "secrets" / "condor")
            try:
                processes.start(directory, pool.component())
                yield from _assembled(server.url(DATABASE, "psycopg"), pool)
            finally:
                processes.stop(directory, condor.COMPONENT)
                server.drop_database(DATABASE)


def _assembled(url: str, pool: Pool) -> Iterator[Runtime]:
    opened = database.connect(url)
    migrations.upgrade(opened.engine)
    opened.close()
    settings = Settings(
        database=Database(url=SecretStr(url)),
        pool=PoolSettings(kind="condor", collector=pool.collector, token_directory=pool.token_directory),
        factory=Factory(max_submit_per_cycle=JOBS, max_idle_per_stage=JOBS, first_wave=JOBS),
        containers=Containers(privileged_quotas=["*"]),
    )
    runtime = wiring.assemble(settings, "justin-benchmark")
    yield runtime
    runtime.database.close()
