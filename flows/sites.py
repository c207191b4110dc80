"""Sites: where jobs may run, as the pilot factories are configured, and how far storages are from there."""

from prefect import flow

from engine.sites import Problem, SitesUpdated
from flows import artifacts
from tasks import sites


@flow(name="sites")
def update_sites() -> SitesUpdated:
    """Read the configuration of the pilot factories, and work out how far storages are."""
    report = sites.update_sites()
    artifacts.publish("sites", "Sites and entries that are configured", [report])
    problems = [Problem(problem) for problem in report.problems]
    artifacts.publish("sites-problems", "What in the configuration cannot be used", problems)
    return report
