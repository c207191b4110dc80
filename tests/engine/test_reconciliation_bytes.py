"""The reconciler's look at bytes that lie behind a real WebDAV server, over TLS and with a token."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from sqlmodel import col, select, update

from engine import reconciler
from engine.integrity_settings import Reconciler
from engine.runtime import Runtime
from justin.states import FindingKind, Integrity
from models import reconciliation
from models.files import File
from models.integrity import IntegrityCheck
from models.moves import Reason
from models.queries import integrity
from models.records import Outbox
from tests.support.scratch_space import TOKEN, ScratchSpace, scratch_space
from tests.support.uploads import AT_ONCE, RSE, SCOPE, drain, make_work, upload

FOLDER = "usertests/ab"


@dataclass
class Stored:
    """A workflow whose registered outputs lie behind a WebDAV server that can be stopped."""

    runtime: Runtime
    workflow_id: int
    dids: list[str]
    space: ScratchSpace
    servers: ExitStack

    def file(self, did: str) -> Path:
        return self.space.directory / FOLDER / did.partition(":")[2]

    def check(self) -> tuple[Integrity, str]:
        """Have a whole pass over the workflow now, and return its badge with the reason."""
        with self.runtime.session() as session:
            session.exec(update(IntegrityCheck).values(next_check_at=IntegrityCheck.started_at))
            reconciliation.ask(session, self.workflow_id, Reason("tester"))
        reconciler.reconcile(self.runtime)
        with self.runtime.session() as session:
            view = integrity.of_workflow(session, self.workflow_id)
        return view.badge, view.reason

    def found(self) -> dict[str, tuple[FindingKind, str]]:
        """Return kind and place of what the last whole pass found, by DID."""
        with self.runtime.session() as session:
            return {each.did: (each.kind, each.place) for each in integrity.findings(session, self.workflow_id, 100)}


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    path = tmp_path / "token"
    path.write_text(TOKEN)
    path.chmod(0o600)
    return path


@pytest.fixture
def stored(grid_runtime: Runtime, tmp_path: Path, token_file: Path) -> Iterator[Stored]:
    grid_runtime.metacat.ensure_namespace(SCOPE)
    with ExitStack() as servers:
        space = servers.enter_context(scratch_space(tmp_path / "storage"))
        looking = Reconciler(checksum_share=1, token_file=token_file, ca_path=space.ca_path)
        settings = grid_runtime.settings.model_copy(update={"outputs": AT_ONCE, "reconciler": looking})
        runtime = replace(grid_runtime, settings=settings)
        job = upload(runtime, *make_work(runtime), 3)
        drain(runtime)
        made = Stored(runtime, job.workflow_id, sorted(job.outputs), space, servers)
        move(made, job.outputs)
        yield made


def move(stored: Stored, pfns: dict[str, str]) -> None:
    """Bring the bytes behind the server, as if the jobs had uploaded them there."""
    stored.file(stored.dids[0]).parent.mkdir(parents=True)
    with stored.runtime.session() as session:
        for did, pfn in pfns.items():
            Path(urlsplit(pfn).path).rename(stored.file(did))
            address = f"{stored.space.url}/{FOLDER}/{did.partition(':')[2]}".replace("https:", "davs:")
            of_file = select(File.file_id).where(File.did == did).scalar_subquery()
            session.exec(update(Outbox).where(col(Outbox.file_id) == of_file).values(pfn=address))


def test_what_is_cut_off_or_missing_behind_webdav_is_told_from_what_is_whole(stored: Stored) -> None:
    assert stored.check() == (Integrity.OK, "")
    assert {method for method, _, _ in stored.space.seen} == {"HEAD"}
    _, cut, gone = stored.dids
    stored.file(cut).write_bytes(stored.file(cut).read_bytes()[:-1])
    stored.file(gone).unlink()
    assert stored.check() == (Integrity.DAMAGED, "")
    assert stored.found() == {cut: (FindingKind.BYTES_DIFFER, RSE), gone: (FindingKind.BYTES_MISSING, RSE)}


def test_a_webdav_server_that_is_down_or_lets_nobody_in_has_lost_nothing(stored: Stored, token_file: Path) -> None:
    token_file.write_text("another")
    badge, reason = stored.check()
    assert (badge, "answers with status 401" in reason) == (Integrity.UNKNOWN, True)
    token_file.write_text(TOKEN)
    assert stored.check() == (Integrity.OK, "")
    stored.servers.close()
    badge, reason = stored.check()
    assert (badge, f"{RSE} does not answer" in reason) == (Integrity.UNKNOWN, True)
    assert stored.found() == {}


def test_a_webdav_server_without_its_disk_has_lost_nothing(stored: Stored) -> None:
    scope = stored.space.directory / "usertests"
    aside = scope.rename(scope.with_name("aside"))
    badge, reason = stored.check()
    assert (badge, f"{RSE} cannot be seen" in reason) == (Integrity.UNKNOWN, True)
    aside.rename(scope)
    assert stored.check() == (Integrity.OK, "")
    for did in stored.dids:
        stored.file(did).unlink()
    # The folder is there still: they are gone, and the server is not.
    assert stored.check() == (Integrity.DAMAGED, "")
    assert set(stored.found().values()) == {(FindingKind.BYTES_MISSING, RSE)}
