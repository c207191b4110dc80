"""Repositories that users name become folders that every job sees: one tar for each commit, published by RCDS.

What has a step left is due; each cycle does as many steps as can be done now. Any step may be done twice: the tar of a
commit is the same whoever makes it, and RCDS knows it by its hash.
"""

import logging
import platform
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from engine.code_ports import CodeArchive
from engine.errors import Refused, ServiceRefused, Unavailable
from engine.runtime import Runtime
from justin.states import WorkflowState
from models import leases, moves, repositories
from models.moves import Reason
from models.repositories import Publication, WantedCode

LOG = logging.getLogger(__name__)

ACTOR: Final = "repositories"
LEASE_SECONDS: Final = 300.0
"""Leases only spare work."""

HOLDER: Final = f"repositories@{platform.node()}"
"""The same after a restart, which goes on at once with what was interrupted."""

NAMED_AT_MOST: Final = 5
MIB: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Published:
    """What a cycle did for a repository at a commit."""

    code: str
    path: str = ""
    """Where jobs see it; empty while they do not."""
    workflows: int = 0
    """For so many it is new."""
    problem: str = ""

    def __bool__(self) -> bool:
        """Say whether anything was done."""
        return bool(self.workflows or self.problem)


@dataclass(frozen=True, slots=True)
class Started:
    """The workflows that run now that their repositories are published."""

    workflow_ids: tuple[int, ...] = ()

    def __bool__(self) -> bool:
        """Say whether there are any."""
        return bool(self.workflow_ids)


def repositories_due(runtime: Runtime) -> list[str]:
    """List what is to be published or renewed now, each as ORG/REPO@COMMIT."""
    with runtime.session() as session:
        due = repositories.due(session, runtime.settings.rcds.renew_seconds)
    return [_word(wanted) for wanted in due]


def publish_repository(runtime: Runtime, code: str) -> Published:
    """Bring a repository that is due, given as ORG/REPO@COMMIT, nearer to where jobs see it, or renew it there.

    What will never be fit ends the workflows that wait for it; a host or an RCDS that does not answer is asked again
    in the next cycle, and the owners are told.
    """
    lease = f"code-{code}"
    wanted = _take_due(runtime, code, lease)
    if wanted is None:
        return Published(code)
    try:
        return _publish(runtime, wanted)
    except Unavailable as error:
        return _postpone(runtime, wanted, str(error))
    except Refused as error:
        return _give_up(runtime, wanted, str(error))
    finally:
        with runtime.session() as session:
            leases.release(session, lease, HOLDER)


def start_workflows(runtime: Runtime) -> Started:
    """Let the submitted workflows run all of whose repositories are published."""
    with runtime.session() as session:
        ready = repositories.ready_workflows(session)
        return Started(tuple(moves.move_workflows(session, ready, WorkflowState.RUNNING, Reason(ACTOR))))


def _take_due(runtime: Runtime, code: str, lease: str) -> WantedCode | None:
    with runtime.session() as session:
        if not leases.take(session, lease, HOLDER, LEASE_SECONDS):
            return None
        due = repositories.due(session, runtime.settings.rcds.renew_seconds)
        return next((wanted for wanted in due if _word(wanted) == code), None)


def _publish(runtime: Runtime, wanted: WantedCode) -> Published:
    known = _known(runtime, wanted.sha256)
    with tempfile.TemporaryDirectory(prefix="justin-code-") as folder:
        archive = None if known else _archive(runtime, wanted, Path(folder))
        sha256 = archive.sha256 if archive else wanted.sha256
        path = runtime.code_store.renew(cid(runtime, sha256))
        if path is None and not (known and known.on_its_way):
            archive = archive or _archive(runtime, wanted, Path(folder))
            sha256 = archive.sha256
            path = _send(runtime, archive)
    return _published(runtime, wanted, sha256, path) if path else _wait(runtime, wanted)


def cid(runtime: Runtime, sha256: str) -> str:
    """Return the name by which RCDS knows a tar."""
    return f"{runtime.settings.rcds.group}/{sha256}"


def _known(runtime: Runtime, sha256: str) -> Publication | None:
    if not sha256:
        return None
    with runtime.session() as session:
        return repositories.publication(session, sha256, runtime.settings.rcds.resend_seconds)


def _archive(runtime: Runtime, wanted: WantedCode, folder: Path) -> CodeArchive:
    archive = runtime.code.archive(wanted.name, wanted.commit, folder)
    check_size(runtime, archive.size_bytes)
    with runtime.session() as session:
        repositories.name_content(session, wanted, archive.sha256, archive.size_bytes, _warning(archive))
    return archive


def check_size(runtime: Runtime, size_bytes: int) -> None:
    """Raise `ServiceRefused` for a tar that is larger than this system publishes."""
    most = runtime.settings.rcds.max_bytes
    if size_bytes > most:
        raise ServiceRefused(
            f"Its tar takes {size_bytes / MIB:.4g} MiB; at most {most / MIB:.4g} MiB are published through RCDS:"
            " put large files into Rucio instead."
        )


def _send(runtime: Runtime, archive: CodeArchive) -> str | None:
    path = runtime.code_store.publish(cid(runtime, archive.sha256), archive.path)
    with runtime.session() as session:
        repositories.note_sent(session, archive.sha256)
    LOG.info("the tar %s was sent to RCDS", archive.sha256)
    return path


def _published(runtime: Runtime, wanted: WantedCode, sha256: str, path: str) -> Published:
    lifetime_seconds = runtime.settings.rcds.lifetime_seconds
    with runtime.session() as session:
        new = repositories.published(session, wanted, sha256, path, lifetime_seconds, Reason(ACTOR))
    LOG.info("%s is published at %s, new for %s workflows", _word(wanted), path, len(new))
    return Published(_word(wanted), path, len(new))


def _wait(runtime: Runtime, wanted: WantedCode) -> Published:
    with runtime.session() as session:
        repositories.note(session, wanted, "It was sent to RCDS, which has not published it yet.")
    return Published(_word(wanted))


def _postpone(runtime: Runtime, wanted: WantedCode, problem: str) -> Published:
    LOG.warning("%s is published later: %s", _word(wanted), problem)
    with runtime.session() as session:
        repositories.note(session, wanted, f"It is published, or renewed, later: {problem}")
    return Published(_word(wanted), problem=problem)


def _give_up(runtime: Runtime, wanted: WantedCode, problem: str) -> Published:
    """End the workflows that have not begun; the others keep what is published as long as it is there."""
    LOG.warning("%s cannot be published: %s", _word(wanted), problem)
    sentence = f"The repository {wanted.name} at commit {wanted.commit[:12]} cannot be given to jobs. {problem}"
    with runtime.session() as session:
        repositories.note(session, wanted, f"It cannot be published: {problem}")
        waiting = repositories.waiting_workflows(session, wanted)
        moves.move_workflows(session, waiting, WorkflowState.FAILED, Reason(ACTOR, sentence))
    return Published(_word(wanted), problem=problem)


def _word(wanted: WantedCode) -> str:
    return f"{wanted.name}@{wanted.commit}"


def _warning(archive: CodeArchive) -> str:
    """Say what the tar lacks of what a checkout may have."""
    parts = []
    if archive.submodules:
        parts.append(f"Its submodules are empty folders for jobs: {_some(archive.submodules)}.")
    if archive.lfs_pointers:
        parts.append(f"Of files that Git LFS keeps, jobs see the pointers alone: {_some(archive.lfs_pointers)}.")
    return " ".join(parts)


def _some(names: tuple[str, ...]) -> str:
    more = f" and {len(names) - NAMED_AT_MOST} more" if len(names) > NAMED_AT_MOST else ""
    return ", ".join(names[:NAMED_AT_MOST]) + more
