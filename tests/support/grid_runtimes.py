"""Runtimes on the test grid: the catalogues are real, the database is the test's own, the pool runs nothing."""

import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from engine import wiring
from engine.runtime import Runtime
from engine.settings import Database as DatabaseSettings
from engine.settings import Pool, Settings
from localgrid.pool import layout
from localgrid.pool.layout import Settings as PoolSettings
from localgrid.sites import SCOPES, SERVICE_USER, SITES
from models import seed
from models.database import Session

FAR = 50
PATH = f"{Path(sys.executable).parent}:/usr/bin:/bin"


@pytest.fixture
def grid_runtime(database_url: str, grid_environment: dict[str, str], tmp_path: Path) -> Iterator[Runtime]:
    """A runtime on a fresh database that knows the places of the test grid."""
    pool = tmp_path / "pool"
    slots, entries = {site.name: 1 for site in SITES}, {site.name: site.entry for site in SITES}
    layout.create(pool, PoolSettings(slots=slots, entries=entries, path=PATH))
    # Every database counts its workflows from 1, and the catalogues are shared.
    instance = f"T{uuid.uuid4().hex[:8].upper()}"
    settings = Settings(
        instance=instance,
        database=DatabaseSettings(url=SecretStr(database_url), pool_size=20),
        pool=Pool(directory=pool),
    )
    made = wiring.assemble(settings, "justin-test")
    with made.session() as session:
        settle_places(session)
    yield made
    made.database.close()


def settle_places(session: Session) -> None:
    """Write down the grid's sites, storages and scopes."""
    for site in SITES:
        site_id = seed.ensure_site(session, site.name)
        for other in SITES:
            seed.ensure_distance(session, site_id, seed.ensure_storage(session, other.rse), 0 if other == site else FAR)
    quota = seed.ensure_quota(session, SERVICE_USER)
    for scope in SCOPES:
        seed.ensure_scope(session, scope, quota)
