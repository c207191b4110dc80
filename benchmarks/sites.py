"""Sites: how long a cycle takes that reads the configuration of the OSG's pilot factories and works out distances."""

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from xml.etree import ElementTree as ET

import yaml
from pydantic import SecretStr

from benchmarks.report import Figure, Report, progress
from engine import sites, wiring
from engine.runtime import Runtime
from engine.settings import Database, Settings
from engine.settings import Sites as SitesSettings
from localgrid import postgres
from models import database, migrations, seed

ROOT = Path(__file__).resolve().parents[1]
CONFIGURATION = ROOT.parent / "shared/data/osg-gfactory"
LIMIT_SECONDS = 2
STORAGES, QUICK_STORAGES = 50, 5
DATABASE = "justin_benchmark"


def measure(*, quick: bool) -> Report:
    """Read the folder that JUSTIN_SITES__DIRECTORY names, or the one beside the checkout, into a new database."""
    directory = Settings().sites.directory or CONFIGURATION
    if not directory.is_dir():
        raise SystemExit(f"There is no {directory}: let JUSTIN_SITES__DIRECTORY name a checkout of osg-gfactory.")
    return measure_directory(directory, QUICK_STORAGES if quick else STORAGES)


def measure_directory(directory: Path, storages: int) -> Report:
    """Read a folder twice: when all is new, and when nothing is; beside it, only parse its files."""
    progress("starting PostgreSQL")
    with _runtime(directory) as runtime:
        with runtime.session() as session:
            for number in range(storages):
                seed.ensure_storage(session, f"STORAGE_{number}")
        load_seconds, found = _cycle(runtime)
        again_seconds, _ = _cycle(runtime)
    figures = [
        Figure("sites_load_s", load_seconds, f"all is new, limit {LIMIT_SECONDS} s"),
        Figure("sites_again_s", again_seconds, "nothing is new"),
        Figure("bare_parse_s", _parse(directory), "the same files parsed, and nothing done with them"),
        Figure("entries", found.entries),
        Figure("sites", found.sites),
        Figure("problems", len(found.problems)),
    ]
    return Report("sites", figures, [f"Distances to {storages} storages are worked out for each site."])


def _cycle(runtime: Runtime) -> tuple[float, sites.SitesUpdated]:
    began = time.monotonic()
    found = sites.update_sites(runtime)
    return time.monotonic() - began, found


def _parse(directory: Path) -> float:
    began = time.monotonic()
    for path in directory.glob("*.xml"):
        ET.parse(path)  # noqa: S314  files that the system reads anyway
    for path in directory.glob("OSG_autoconf/*.yml"):
        yaml.load(path.read_bytes(), yaml.CSafeLoader)
    return time.monotonic() - began


@contextmanager
def _runtime(directory: Path) -> Iterator[Runtime]:
    with tempfile.TemporaryDirectory(prefix="justin-benchmark-") as folder:
        place = Path(folder)
        place.chmod(0o755)
        with postgres.running(place) as server:
            server.create_database(DATABASE)
            url = server.url(DATABASE, "psycopg")
            opened = database.connect(url)
            migrations.upgrade(opened.engine)
            opened.close()
            settings = Settings(database=Database(url=SecretStr(url)), sites=SitesSettings(directory=directory))
            runtime = wiring.assemble(settings, "justin-benchmark")
            try:
                yield runtime
            finally:
                runtime.database.close()
