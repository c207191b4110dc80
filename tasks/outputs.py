"""Prefect tasks around `engine.outputs`."""

from prefect import task

from engine import outputs, wiring
from engine.outputs import Registered


@task(name="register-outputs", tags=["metacat", "rucio"])
def register_outputs() -> Registered:
    """Tell the catalogues about one batch of uploaded outputs."""
    return outputs.register_outputs(wiring.current())
