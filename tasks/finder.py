"""Prefect tasks around `engine.finder`."""

from prefect import task

from engine import finder, wiring
from engine.finder import Found, Located


@task(name="workflows-due")
def workflows_due() -> list[int]:
    """List the workflows whose files are to be looked for now."""
    return finder.workflows_due(wiring.current())


@task(name="find-files", tags=["metacat"])
def find_files(workflow_id: int) -> Found:
    """Find the files of one workflow."""
    return finder.find_files(wiring.current(), workflow_id)


@task(name="stages-to-locate")
def stages_to_locate() -> list[int]:
    """List the stages with files of unknown place."""
    return finder.stages_to_locate(wiring.current())


@task(name="locate-files", tags=["rucio"])
def locate_files(stage_id: int) -> Located:
    """Find where the files of one stage lie."""
    return finder.locate_files(wiring.current(), stage_id)
