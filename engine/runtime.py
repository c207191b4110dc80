"""What a use case is given: the database, the outside services and the settings."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from engine.code_ports import CodeHost, CodeStore
from engine.pilots import PilotFactories
from engine.pool_ports import BatchPool
from engine.ports import MetadataCatalog, ReplicaCatalog
from engine.settings import Settings
from engine.sinks import EventSink
from models import database
from models.database import Database, Session


@dataclass(frozen=True, slots=True)
class Runtime:
    """Everything that the engine reaches; made once per process by `engine.wiring`."""

    settings: Settings
    database: Database
    metacat: MetadataCatalog
    rucio: ReplicaCatalog
    pool: BatchPool
    factories: PilotFactories
    code: CodeHost
    code_store: CodeStore
    sinks: tuple[EventSink, ...] = ()
    """Who is told of events; Prefect, when it is, comes beside them."""

    @contextmanager
    def session(self) -> Iterator[Session]:
        """Open a session that commits at the end of the block, and rolls back when the block raises."""
        with database.session(self.database) as session:
            yield session
