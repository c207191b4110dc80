"""Which agents have something to do: asked often, so it is asked of the database alone and costs little."""

from collections.abc import Mapping

from engine import job_factory
from engine.runtime import Runtime
from engine.settings import Sites
from models import completion, due, finding, repositories


def waiting(runtime: Runtime) -> Mapping[str, int]:
    """Return how much work waits for each agent that need not wait for its interval; the job watch and others do."""
    with runtime.session() as session:
        no_entries, no_storages = due.unknown_places(session)
        work = {
            "finder": len(finding.due_workflows(session)) + len(finding.stages_to_locate(session)),
            "repositories": len(repositories.due(session, runtime.settings.rcds.renew_seconds))
            + len(repositories.ready_workflows(session)),
            "outputs": due.outputs(session),
            "sites": int(no_entries and _tells_of_entries(runtime.settings.sites)),
            "storages": int(no_storages),
            "completion": len(completion.workflows_done(session)) + len(completion.workflows_ending(session)),
        }
    return {**work, "job_factory": job_factory.missing_jobs(runtime)}


def _tells_of_entries(settings: Sites) -> bool:
    return settings.directory is not None or bool(settings.extra_entries)
