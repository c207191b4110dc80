"""What the last check of a workflow's books said is kept when the workflow goes into the archive."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from engine import archive
from engine.runtime import Runtime
from engine.settings import Archive
from justin.states import FindingKind
from models import reconciliation
from models.reconciliation import Found, Schedule
from services.api.app import create_app
from tests.support.ended_workflows import make_ended_workflow
from tests.support.serving import serving

DIDS = ["usertests:a.root", "usertests:b.root"]
SOON = Schedule(running_seconds=1, finished_seconds=1, rarest_seconds=1, verify_seconds=1)


@pytest.fixture
def archiving(runtime: Runtime, tmp_path: Path) -> Runtime:
    """A runtime with an archive into which workflows go at once."""
    settings = Archive(directory=tmp_path, after_days=0)
    return replace(runtime, settings=runtime.settings.model_copy(update={"archive": settings}))


@pytest.fixture
def api(archiving: Runtime) -> Iterator[httpx.Client]:
    with serving(create_app(archiving)) as url, httpx.Client(base_url=f"{url}/api/v1", timeout=60) as client:
        yield client


def make(runtime: Runtime) -> int:
    with runtime.session() as session:
        return make_ended_workflow(session, jobs=1, inputs=1)


def check(runtime: Runtime) -> None:
    """Write down a check of the only workflow that found two files damaged, one of which was mended."""
    found = [
        Found(FindingKind.METADATA_LOST, DIDS[0], "metacat", "core.runs", "no such keys", repairable=True),
        Found(FindingKind.BYTES_MISSING, DIDS[1], "CERN", "file:///b.root", "no such file", remedy="Make it again."),
    ]
    with runtime.session() as session:
        reconciliation.add_workflows(session, 1)
        taken = reconciliation.take(session, "tester", 60)
        assert taken
        kinds = [each.kind for each in found]
        reconciliation.settle(session, taken, found, kinds, dids=DIDS)
        reconciliation.settle(session, taken, found[1:], kinds, dids=DIDS)
        reconciliation.keep_mark(session, taken, "members", "", 2, seconds=60)
        assert reconciliation.end(session, taken, SOON)


def looks(api: httpx.Client, workflow_id: int) -> dict[str, Any]:
    """What is seen of the check, without what is to come."""
    answer = api.get(f"/workflows/{workflow_id}/integrity")
    assert answer.status_code == httpx.codes.OK, answer.text
    return {name: value for name, value in answer.json().items() if name not in {"being_checked", "next_check_at"}}


def listed(api: httpx.Client, **parameters: str) -> tuple[str, str | None]:
    (workflow,) = api.get("/workflows", params=parameters).json()["items"]
    return workflow["integrity"], workflow["integrity_at"]


def test_an_archived_workflow_shows_its_last_check(archiving: Runtime, api: httpx.Client) -> None:
    workflow_id = make(archiving)
    check(archiving)
    before, before_listed = looks(api, workflow_id), listed(api)
    assert (before["badge"], before["files"]) == ("damaged", 2)
    assert [bool(each["repaired_at"]) for each in before["findings"]] == [True, False]
    assert archive.archive_workflows(archiving).workflows == (workflow_id,)

    assert looks(api, workflow_id) == before
    assert listed(api, archived="true") == before_listed == ("damaged", before["checked_at"])
    shown = api.get(f"/workflows/{workflow_id}").json()
    assert (shown["integrity"], shown["integrity_at"]) == before_listed
    after = api.get(f"/workflows/{workflow_id}/integrity", params={"limit": 1}).json()
    assert (after["being_checked"], after["next_check_at"]) == (False, None)
    assert after["findings"] == before["findings"][:1]
    asked = api.post(f"/workflows/{workflow_id}/check")
    assert (asked.status_code, asked.json()["code"]) == (409, "wrong_state")


def test_one_that_was_never_checked_stays_unknown(archiving: Runtime, api: httpx.Client) -> None:
    workflow_id = make(archiving)
    assert archive.archive_workflows(archiving).workflows == (workflow_id,)
    seen = looks(api, workflow_id)
    assert (seen["badge"], seen["checked_at"], seen["findings"]) == ("unknown", None, [])
    assert listed(api, archived="true") == ("unknown", None)


def test_what_was_archived_before_checks_were_kept_shows_its_badge(archiving: Runtime, api: httpx.Client) -> None:
    workflow_id = make(archiving)
    check(archiving)
    checked_at = looks(api, workflow_id)["checked_at"]
    archive.archive_workflows(archiving)
    with archiving.session() as session:
        forgotten = "counts - 'integrity' #- '{sections,integrity}' #- '{sections,finding}'"
        session.connection().execute(text(f"UPDATE archived_workflows SET counts = {forgotten}"))
    seen = looks(api, workflow_id)
    assert (seen["badge"], seen["checked_at"], seen["findings"]) == ("damaged", checked_at, [])


def test_a_workflow_is_not_checked_while_its_rows_leave(archiving: Runtime, tmp_path: Path) -> None:
    workflow_id = make(archiving)
    with archiving.session() as session:
        reconciliation.add_workflows(session, 1)
    # Noted, and killed before anything left.
    assert archive.archive_workflow(archiving, workflow_id, tmp_path)
    with archiving.session() as session:
        assert reconciliation.take(session, "tester", 60) is None
