"""What the newest probes of all sites could do at all storages."""

from justin.schemas.views import ProbeView
from models import seed
from models.database import Session
from models.statements import load

_LIST_PROBES = load("list_probes")


def matrix(session: Session, valid_seconds: float, site: str | None = None, rse: str | None = None) -> list[ProbeView]:
    """List sites by name, and for each the storages, the nearest first; results older than that do not count."""
    parameters = {"site": site, "rse": rse, "monte_carlo": seed.MONTE_CARLO_STORAGE}
    return _LIST_PROBES.read(session, ProbeView, valid_seconds=float(valid_seconds), **parameters)
