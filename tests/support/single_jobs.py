"""A whole chain without agents: workflows are made and their jobs run one at a time, by the wrapper, in the test."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from engine import finder, job_factory
from engine.rights import Caller
from engine.runtime import Runtime
from engine.submission import Submission, create_workflow
from justin.schemas.specs import OutputSpec, StageSpec, WorkflowSpec
from localgrid.pool import alone
from localgrid.pool.alone import Ran
from models import seed
from services.allocator.app import create_app
from tests.support.rows import Row, Rows
from tests.support.serving import serving


@dataclass(frozen=True, slots=True)
class Chain:
    """The system's own code on real servers, driven step by step."""

    runtime: Runtime
    caller: Caller
    rows: Rows

    def submit(
        self, jobscript: str, mql: str, *patterns: str | OutputSpec, wall_seconds: int = 60, max_allocations: int = 6
    ) -> int:
        """Make a workflow of one stage, find its files, and put its jobs into the pool."""
        stage = StageSpec(
            jobscript=jobscript,
            outputs=[
                pattern if isinstance(pattern, OutputSpec) else OutputSpec(pattern=pattern, lifetime_days=1)
                for pattern in patterns
            ],
            wall_seconds=wall_seconds,
            rss_mib=500,
            max_distance=100,
            max_allocations=max_allocations,
        )
        submission = Submission(WorkflowSpec(mql=mql, stages=[stage]), submit=True)
        workflow_id = create_workflow(self.runtime, self.caller, submission)
        finder.find_files(self.runtime, workflow_id)
        for stage_id in finder.stages_to_locate(self.runtime):
            finder.locate_files(self.runtime, stage_id)
        job_factory.submit_jobs(self.runtime)
        return workflow_id

    def run_jobs(self, site: str) -> list[Ran]:
        """Run the jobs that are in the pool, one after the other."""
        directory = self.runtime.settings.pool.directory
        return [alone.run_job(directory, job, site) for job in alone.take_jobs(directory)]

    def outbox(self, workflow_id: int) -> list[Row]:
        """What is still to be told to the catalogues."""
        return self.rows.ask("SELECT * FROM outbox WHERE workflow_id = %s ORDER BY outbox_id", workflow_id)

    def event_types(self, workflow_id: int) -> list[str]:
        """What happened, in order."""
        return [row["event_type"] for row in self.rows.events(workflow_id)]


@contextmanager
def chain(runtime: Runtime) -> Iterator[Chain]:
    """Serve an allocator; nobody but the chain serves the runtime's pool."""
    settings = runtime.settings
    with runtime.session() as session:
        caller = Caller(seed.ensure_user(session, "alice"), "alice")
    with serving(create_app(runtime)) as url:
        allocator = settings.allocator.model_copy(update={"url": f"{url}/api/allocator/"})
        told = replace(runtime, settings=settings.model_copy(update={"allocator": allocator}))
        yield Chain(told, caller, Rows(settings.database.url.get_secret_value().replace("+psycopg", "")))
