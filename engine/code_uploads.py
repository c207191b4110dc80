"""Tars that users upload for their jobs, passed on to RCDS under the hash of their content."""

import logging
from pathlib import Path

from engine.errors import InvalidInput
from engine.repositories import MIB, cid
from engine.rights import Caller
from engine.runtime import Runtime
from justin.code_tars import check_tar
from justin.errors import BadUpload
from justin.schemas.uploads import CodeView
from justin.states import EventType
from models import events

LOG = logging.getLogger(__name__)


def find(runtime: Runtime, sha256: str, *, renew: bool = False) -> CodeView:
    """Say where jobs see a tar's files, if they do; with `renew` the time that they are kept begins anew."""
    name = cid(runtime, sha256)
    path = runtime.code_store.renew(name) if renew else runtime.code_store.find(name)
    return CodeView(sha256=sha256, path=path or "")


def check_size(runtime: Runtime, size_bytes: int) -> None:
    """Raise `InvalidInput` for more than is taken."""
    most = runtime.settings.rcds.max_bytes
    if size_bytes > most:
        raise InvalidInput(f"The tar is larger than the {most / MIB:.4g} MiB that may be uploaded.")


def upload(runtime: Runtime, caller: Caller, sha256: str, actual_sha256: str, tar: Path) -> CodeView:
    """Pass a tar on, unless it is there; an upload is an event, with the name of the user."""
    if actual_sha256 != sha256:
        raise InvalidInput(f"What arrived is not {sha256} but {actual_sha256}: send it again.")
    _check(tar)
    found = find(runtime, sha256, renew=True)
    if found.path:
        return found
    path = runtime.code_store.publish(cid(runtime, sha256), tar)
    details = {"sha256": sha256, "size_bytes": tar.stat().st_size}
    with runtime.session() as session:
        events.add(session, EventType.CODE_UPLOADED, caller.because("", details))
    LOG.info("%s uploaded the tar %s", caller.name, sha256)
    return CodeView(sha256=sha256, path=path or "")


def _check(tar: Path) -> None:
    try:
        with tar.open("rb") as file:
            check_tar(file)
    except BadUpload as error:
        raise InvalidInput(f"{error}.") from error
