"""The pool's directory: its files as typed values, each written in one step."""

import json
import secrets
import shutil
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel

from localgrid.identity import Identity
from localgrid.secret_files import keep_secret

SUBDIRECTORIES = ("incoming", "queue", "clusters", "removals")


class Settings(BaseModel):
    """What the server is told."""

    slots: dict[str, int]
    """Job slots by site."""
    entries: dict[str, str]
    """The pilot factory's entry by site."""
    path: str
    """The jobs' PATH."""
    name: str = ""
    """What stands behind the @ of a job's name."""
    longest_wall_seconds: int = 86_400
    """How long a pilot, and so a job, lives."""
    stop_seconds: float = 10.0
    """How long a job that has to stop may take before it is killed."""


class Order(BaseModel):
    """What the jobs of a cluster need."""

    command: list[str]
    processors: int = 1
    memory_mib: int = 2000
    wall_seconds: int = 3600
    gpus: int = 0
    sites: list[str] = []
    """Where they may run; anywhere when empty."""
    attributes: dict[str, str | int | float | bool] = {}
    """Further attributes of the job ad."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a job runs."""

    site: str
    slot: str
    started: float
    """Seconds since 1970, UTC."""


@dataclass(frozen=True, slots=True)
class End:
    """How a job ended."""

    state: str
    """`completed` or `removed`."""
    exit_status: int | None
    reason: str
    ended: float


Value = TypeVar("Value", Place, End)


@dataclass(frozen=True, slots=True)
class Job:
    """One job's directory."""

    directory: Path
    order: Order = field(compare=False)
    pool_name: str = field(compare=False)

    @property
    def cluster(self) -> int:
        """The number of its cluster."""
        return int(self.directory.parent.name)

    @property
    def proc(self) -> int:
        """Its number in the cluster."""
        return int(self.directory.name)

    @property
    def key(self) -> str:
        """`CLUSTER.PROC`."""
        return f"{self.cluster}.{self.proc}"

    @property
    def jobsub_id(self) -> str:
        """Its name everywhere else."""
        return f"{self.key}@{self.pool_name}"

    @property
    def sandbox(self) -> Path:
        """Its files, as submitted."""
        return self.directory / "sandbox"

    @property
    def scratch(self) -> Path:
        """Its files, once it runs."""
        return self.directory / "scratch"

    def place(self) -> Place | None:
        """Return where it runs, None when it was not given a slot."""
        return _read(self.directory / "slot.json", Place)

    def end(self) -> End | None:
        """Return how it ended, None when it has not."""
        return _read(self.directory / "ended.json", End)

    def starter(self) -> Identity | None:
        """Return the process that started it, None when it has not begun."""
        try:
            return Identity.parse((self.directory / "process").read_text())
        except FileNotFoundError:
            return None

    def exit_status(self) -> int | None:
        """Return its exit status, None as long as there is none."""
        try:
            return int((self.directory / "exit").read_text())
        except FileNotFoundError:
            return None

    def is_held(self) -> bool:
        """Say whether it cannot run here."""
        return (self.directory / "held").exists()

    def write(self, name: str, value: Place | End) -> None:
        """Write one of the files that hold a value."""
        write_text(self.directory / name, json.dumps(asdict(value)))

    def hold(self, reason: str) -> None:
        """Say why it cannot run here."""
        write_text(self.directory / "held", reason)

    def remove_files(self) -> None:
        """Delete its files, also when they are protected against their owner."""
        for place in (self.sandbox, self.scratch):
            if place.exists():
                _make_writable(place)
                shutil.rmtree(place)


def create(directory: Path, settings: Settings) -> None:
    """Make a pool's directory, or give a new server's settings to the one that is there."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name in SUBDIRECTORIES:
        (directory / name).mkdir(exist_ok=True)
    before = read_settings(directory)
    # Clusters are counted from one in each pool, so the name has to differ from those of earlier pools.
    name = settings.name or (before.name if before else f"pool-{secrets.token_hex(4)}.localhost")
    keep_secret(directory / "settings.json", settings.model_copy(update={"name": name}).model_dump_json(indent=2))


def read_settings(directory: Path) -> Settings | None:
    """Return the settings of a pool, None when there is no pool."""
    try:
        return Settings.model_validate_json((directory / "settings.json").read_text())
    except FileNotFoundError:
        return None


def jobs_of(cluster: Path, pool_name: str) -> list[Job]:
    """Return the jobs of a cluster, in their order; none while it is being deleted."""
    try:
        order = Order.model_validate_json((cluster / "order.json").read_text())
        numbers = sorted(int(entry.name) for entry in cluster.iterdir() if entry.name.isdigit())
    except FileNotFoundError:
        return []
    return [Job(cluster / str(number), order, pool_name) for number in numbers]


def clusters(directory: Path, stage: str) -> list[Path]:
    """Return the clusters of `queue` or `clusters`, the oldest first."""
    found = [entry for entry in (directory / stage).iterdir() if entry.name.isdigit()]
    return sorted(found, key=lambda entry: int(entry.name))


def is_serving(directory: Path) -> bool:
    """Say whether a server serves the pool."""
    try:
        identity = Identity.parse((directory / "serving").read_text())
    except FileNotFoundError:
        return False
    return identity is not None and identity.alive()


def write_text(path: Path, text: str) -> None:
    """Write a file in one step."""
    new = path.with_name(f"{path.name}.new")
    new.write_text(text)
    new.replace(path)


def _make_writable(place: Path) -> None:
    for path in [place, *place.rglob("*")]:
        if path.is_dir() and not path.is_symlink():
            path.chmod(0o700)


def _read(path: Path, kind: type[Value]) -> Value | None:
    try:
        return kind(**json.loads(path.read_text()))
    except FileNotFoundError:
        return None
