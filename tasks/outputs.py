"""Prefect tasks around `engine.outputs` and `engine.log_registration`."""

from prefect import task

from engine import log_registration, outputs, wiring
from engine.log_registration import LogsRegistered
from engine.outputs import Registered


@task(name="register-outputs", tags=["metacat", "rucio"])
def register_outputs() -> Registered:
    """Tell the catalogues about one batch of uploaded outputs."""
    return outputs.register_outputs(wiring.current())


@task(name="register-logs", tags=["metacat", "rucio"])
def register_logs() -> LogsRegistered:
    """Tell the catalogues about one batch of jobs' logs."""
    return log_registration.register_logs(wiring.current())
