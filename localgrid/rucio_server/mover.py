"""Copies files to where rules want them, in the place of a transfer service: all storages are folders of this machine.

Imported by the daemons beside it, in the Rucio server's own environment.
"""

import logging
import os
import shutil
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

SCHEME = "file"
REQUESTS_PER_PASS = 1000

log = logging.getLogger("localgrid.mover")


def run(*, once: bool) -> None:
    """Carry out the transfers that are asked for now; `once` is how Rucio's own daemons are told the same."""
    del once
    for request in waiting_requests():
        source = source_path(request)
        if source is None:
            log.info("no source yet for %s:%s", request["scope"], request["name"])
            continue
        try:
            copy(source, destination_path(request))
        except OSError as error:
            # It waits for the next pass, and keeps nothing else waiting.
            log.warning("%s:%s is not copied: %s", request["scope"], request["name"], error)
            continue
        finish(request)


def waiting_requests() -> list[dict[str, Any]]:
    """Return the transfers that rules have asked for."""
    models: Any = import_module("rucio.db.sqla.models")
    constants: Any = import_module("rucio.db.sqla.constants")
    session: Any = import_module("rucio.db.sqla.session")
    with session.get_session()() as scoped:
        waiting = scoped.query(models.Request).filter(
            models.Request.request_type == constants.RequestType.TRANSFER,
            models.Request.state.in_([constants.RequestState.QUEUED, constants.RequestState.PREPARING]),
        )
        rows = waiting.order_by(models.Request.created_at).limit(REQUESTS_PER_PASS).all()
        return [{"id": row.id, "scope": row.scope, "name": row.name, "rse_id": row.dest_rse_id} for row in rows]


def source_path(request: dict[str, Any]) -> Path | None:
    """Return a copy of the file that is not at its destination, None when there is none yet."""
    replicas: Any = import_module("rucio.core.replica")
    wanted = [{"scope": request["scope"], "name": request["name"]}]
    for found in replicas.list_replicas(wanted, schemes=[SCHEME], ignore_availability=True):
        for address, place in found.get("pfns", {}).items():
            if place["rse_id"] != request["rse_id"]:
                return Path(urlsplit(address).path)
    return None


def destination_path(request: dict[str, Any]) -> Path:
    """Return where the file has to go."""
    manager: Any = import_module("rucio.rse.rsemanager")
    file = {"scope": request["scope"].external, "name": request["name"]}
    storage = manager.get_rse_info(rse_id=request["rse_id"])
    (address,) = manager.lfns2pfns(storage, [file], operation="write", scheme=SCHEME).values()
    return Path(urlsplit(address).path)


def copy(source: Path, destination: Path) -> None:
    """Copy a file so that it appears whole."""
    destination.parent.mkdir(parents=True, exist_ok=True)
    unfinished = destination.with_name(f".{destination.name}.{os.getpid()}")
    shutil.copyfile(source, unfinished)
    unfinished.replace(destination)


def finish(request: dict[str, Any]) -> None:
    """Tell Rucio that the file is there; its rule becomes OK with the last of its files."""
    replicas: Any = import_module("rucio.core.replica")
    requests: Any = import_module("rucio.core.request")
    place = {name: request[name] for name in ("rse_id", "scope", "name")}
    replicas.update_replicas_states([{**place, "state": "A"}])
    requests.archive_request(request["id"])
