"""How files were made, as the catalogues tell it: what the API answers, and what recipes are made of."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from pydantic import Field

from justin.schemas.views import View


class RepositoryView(View):
    """A git repository that a jobscript had, at the commit that its tag stood for."""

    repository: str
    """`ORG/REPO`."""
    tag: str = ""
    commit: str = ""
    content_sha256: str = ""
    """Of the archive that jobs saw."""


class MakerView(View):
    """A kind of output of a stage: everything but the inputs that its files depend on.

    What a dataset does not tell is None, or empty, and named in `not_recorded`.
    """

    key: str
    """Its name among the makers of one answer."""
    dataset: str = ""
    """The dataset that tells it; empty when no dataset of the file does."""
    instance: str = ""
    justin_version: str = ""
    workflow_id: int
    stage_id: int
    pattern_id: int | None = None
    file_pattern: str = ""
    user: str = ""
    mql: str = ""
    jobscript: str = Field(default="", repr=False)
    jobscript_sha256: str = ""
    jobscript_git: str = ""
    jobscript_commit: str = ""
    git_repos: list[RepositoryView] = []
    jobscript_image: str = ""
    image_digest: str = ""
    environment: dict[str, str] = {}
    processors: int | None = None
    rss_bytes: int | None = None
    wall_seconds: int | None = None
    gpus: int = 0
    gpu_memory_bytes: int | None = None
    gpu_min_capability: float | None = None
    gpu_max_capability: float | None = None
    gpu_min_runtime: float | None = None
    gpu_model: str = ""
    max_distance: int | None = None
    max_files_per_job: int | None = None
    classads: dict[str, str] = {}
    destination: str = ""
    lifetime_seconds: int | None = None
    rse_expression: str = ""
    next_stage: bool = False
    not_recorded: list[str] = []
    """The keys that are missing, for the versions of this system before them did not write them."""


class RunView(View):
    """The run of a jobscript that made a file."""

    job_id: str = ""
    site_name: str = ""
    hostname: str = ""
    user: str = ""
    started_at: datetime | None = None
    finished_at: datetime | None = None
    real_seconds: float | None = None
    cpu_seconds: float | None = None
    max_rss_bytes: int | None = None
    cpuinfo: str = ""
    os_release: str = ""

    @classmethod
    def of(cls, keys: Mapping[str, Any]) -> "RunView":
        """Read the keys of a file's `dune.workflow`; those that are missing or make no sense stay unknown."""
        return cls(
            **{name: str(keys.get(name) or "") for name in _RUN_WORDS},
            started_at=_moment(keys.get("jobscript_start")),
            finished_at=_moment(keys.get("jobscript_finish")),
            real_seconds=_number(keys.get("jobscript_real_seconds")),
            cpu_seconds=_number(keys.get("jobscript_cpu_seconds")),
            max_rss_bytes=None if (rss := _number(keys.get("jobscript_max_rss_bytes"))) is None else int(rss),
        )


class ProvenanceFile(View):
    """A file of the chain."""

    did: str
    generation: int
    """Steps from the files that were asked for, whose generation is 0, by the shortest way."""
    size_bytes: int | None = None
    adler32: str | None = None
    metadata: dict[str, Any] = {}
    """The users' own; what this system writes is in `run` and the maker."""
    maker: str | None = None
    """The key of its maker; None for a file that this system did not make."""
    run: RunView | None = None
    parents: list[str] = []
    """DIDs that MetaCat knows."""
    inputs_elsewhere: list[str] = []
    """Inputs that MetaCat does not know: Monte Carlo counters, and files that only Rucio has."""


class Provenance(View):
    """The files asked for, with everything that they were made from."""

    dids: list[str]
    files: list[ProvenanceFile]
    """By generation and DID; each file once, however many ways lead to it."""
    makers: list[MakerView]
    more: list[str] = []
    """Files of the chain that are not followed, for it is deeper or wider than was asked; some when there are many."""
    more_count: int = 0
    unknown: list[str] = []
    """DIDs of parents that MetaCat names and no longer knows."""

    @property
    def complete(self) -> bool:
        """Whether the whole chain is here."""
        return not (self.more_count or self.unknown)


_RUN_WORDS = ("job_id", "site_name", "hostname", "user", "cpuinfo", "os_release")


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _moment(value: Any) -> datetime | None:
    seconds = _number(value)
    try:
        return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError, OSError):
        return None
