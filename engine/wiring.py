"""The one place where ports meet adapters: what each process is given to work with."""

from functools import cache

from engine.adapters import event_sinks
from engine.adapters.condor import CondorPool
from engine.adapters.git_mirrors import GitMirrors
from engine.adapters.metacat import MetaCat
from engine.adapters.pilot_factory import PilotFactory
from engine.adapters.processes import ProcessPool
from engine.adapters.rcds import Rcds
from engine.adapters.rucio import Rucio
from engine.runtime import Runtime
from engine.settings import Settings
from models import database


@cache
def current(*, steady_plans: bool = False) -> Runtime:
    """Return the runtime of this process, made from the environment the first time; threads share it.

    `steady_plans` as in `models.database.connect`.
    """
    return assemble(Settings(), steady_plans=steady_plans)


def assemble(settings: Settings, application_name: str = "justin", *, steady_plans: bool = False) -> Runtime:
    """Make a runtime; nothing outside is reached before it is used, but for the check of the schema.

    Raises `models.migrations.SchemaMismatch` when the database is not at the schema of this version.
    """
    opened = database.connect(
        settings.database.url.get_secret_value(),
        application_name=application_name,
        pool_size=settings.database.pool_size,
        statement_timeout_seconds=settings.database.statement_timeout_seconds,
        steady_plans=steady_plans,
    )
    database.check_schema(opened)
    return Runtime(
        settings=settings,
        database=opened,
        metacat=MetaCat(settings.metacat),
        rucio=Rucio(settings.rucio, settings.replicas.schemes),
        pool=CondorPool(settings.pool) if settings.pool.kind == "condor" else ProcessPool(settings.pool.directory),
        factories=PilotFactory(settings.sites),
        code=GitMirrors(settings.git),
        sinks=event_sinks.made(settings.publisher, settings.instance),
        code_store=Rcds(settings.rcds),
    )
