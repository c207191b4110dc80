"""All agents in one plain loop, without Prefect: `python -m tests.support.agents`.

The tests that kill things use it, for a cycle costs milliseconds and begins at once.
"""

import logging
import sys
import time
from collections.abc import Callable

from engine import (
    code_drift,
    completion,
    finder,
    job_factory,
    job_logs,
    job_watch,
    log_registration,
    outputs,
    problems,
    repositories,
    wiring,
)
from engine.runtime import Runtime

PAUSE_SECONDS = 0.2

LOG = logging.getLogger(__name__)


def find(runtime: Runtime) -> None:
    """Run a cycle of the finder."""
    for workflow_id in finder.workflows_due(runtime):
        finder.find_files(runtime, workflow_id)
    for stage_id in finder.stages_to_locate(runtime):
        finder.locate_files(runtime, stage_id)


def publish(runtime: Runtime) -> None:
    """Run a cycle of the repositories' agent."""
    for code in repositories.repositories_due(runtime):
        repositories.publish_repository(runtime, code)
    repositories.start_workflows(runtime)
    code_drift.watch_references(runtime)


CYCLES: tuple[Callable[[Runtime], object], ...] = (
    publish,
    find,
    job_factory.submit_jobs,
    outputs.register_outputs,
    log_registration.register_logs,
    job_watch.watch_jobs,
    job_logs.keep_logs,
    problems.pause_workflows,
    completion.complete_workflows,
)


def main() -> None:
    """Run cycle after cycle until killed."""
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s", level=logging.INFO, stream=sys.stderr)
    runtime = wiring.current()
    while True:
        for cycle in CYCLES:
            try:
                cycle(runtime)
            except Exception:  # the edge that is Prefect's in production: one failed cycle does not end the agent
                LOG.exception("A cycle failed.")
        time.sleep(PAUSE_SECONDS)


if __name__ == "__main__":
    main()
