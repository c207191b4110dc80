"""Tells our own database about the pretended world of a local grid: its sites, storages, distances and scopes."""

from localgrid.condor_configuration import PROCESSORS, WorkerNode
from localgrid.condor_gpus import RUNTIME_VERSION, Gpu
from localgrid.grid import Grid
from localgrid.sites import SERVICE_USER
from models import database, seed
from models.database import Session

MIB = 1 << 20
GIB = 1 << 30
SLOT_PROCESSORS = 8
SLOT_RSS_BYTES = 4 * GIB
SLOT_WALL_SECONDS = 86_400
FAR_DISTANCE = {True: 20, False: 90}
"""Between two sites, by whether both are in the same country; MetaCat and Rucio know nothing of it."""


def settle(grid: Grid) -> None:
    """Bring the grid's database to the newest schema and write down its sites, storages and scopes; may be repeated."""
    opened = database.connect(grid.database_url, application_name="justin-world")
    try:
        database.upgrade(opened)
        with database.session(opened) as session:
            _write(session, grid)
    finally:
        opened.close()


def _write(session: Session, grid: Grid) -> None:
    sites = {site: seed.ensure_site(session, site.name, country=site.country) for site in grid.sites}
    for site, site_id in sites.items():
        slots = {"processors": SLOT_PROCESSORS, "rss_bytes": SLOT_RSS_BYTES, "wall_seconds": SLOT_WALL_SECONDS}
        seed.ensure_entry(session, site.entry, site_id, **slots)
        storage_id = seed.ensure_storage(session, site.rse, site_id=site_id, country=site.country)
        for other, other_id in sites.items():
            distance = 0 if other == site else FAR_DISTANCE[other.country == site.country]
            seed.ensure_distance(session, other_id, storage_id, distance, by_hand=True)
    if grid.pool == "condor":
        for node in grid.condor.layout.nodes:
            _write_gpus(session, node, sites[node.site])
    quota = seed.ensure_quota(session, SERVICE_USER)
    for scope in grid.scopes:
        seed.ensure_scope(session, scope, quota)


def _write_gpus(session: Session, node: WorkerNode, site_id: int) -> None:
    """Write down the entry that leads to a node with GPUs, if it has any."""
    if node.gpus:
        seed.ensure_entry(
            session,
            node.entry,
            site_id,
            processors=PROCESSORS,
            rss_bytes=SLOT_RSS_BYTES,
            wall_seconds=SLOT_WALL_SECONDS,
            gpus=len(node.gpus),
            gpus_always=True,
            configuration={"gpus": [_described(gpu) for gpu in node.gpus]},
        )


def _described(gpu: Gpu) -> dict[str, object]:
    """Describe a GPU as jobs tell of those that they find."""
    return {
        "name": gpu.name,
        "memory_bytes": gpu.memory_mib * MIB,
        "compute_capability": gpu.capability,
        "runtime_version": float(RUNTIME_VERSION),
    }
