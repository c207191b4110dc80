"""Problems: a workflow that only fails is stopped before it eats the pool."""

from prefect import flow

from engine.problems import Paused
from flows import artifacts
from tasks import problems


@flow(name="problems")
def pause_workflows() -> Paused:
    """Pause the workflows most of whose jobs go wrong in the same way."""
    report = problems.pause_workflows()
    artifacts.publish("problems", "Workflows that were paused", [report])
    return report
