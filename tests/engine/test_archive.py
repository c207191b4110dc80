"""The archive: what leaves the hot tables is seen as before, and nothing is lost wherever a cycle is killed."""

import gzip
import itertools
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from sqlalchemy import text

from engine import archive, archive_objects
from engine.archive import Archived
from engine.archive_objects import Damaged
from engine.errors import Unavailable
from engine.runtime import Runtime
from engine.settings import Archive
from engine.sinks import Delivery
from justin.document import load_workflow, workflow_text
from justin.schemas.specs import WorkflowSpec
from justin.schemas.views import EventView
from models import emptying
from models.database import Session
from models.tables import metadata
from services.api.app import create_app
from tests.support.ended_workflows import JOBSCRIPT, make_ended_workflow
from tests.support.makers import make_files, make_stage
from tests.support.serving import serving

KEPT = {
    *(
        "account_usages",
        "archived_workflows",
        "avoided_nodes",
        "campaigns",
        "code_publications",
        "distances",
        "entries",
        "events",
        "event_horizon",
    ),
    *("event_sinks", "refused_events"),
    *("group_members", "groups", "leases", "log_datasets", "placements", "pool_marks", "quota_loads", "quotas"),
    *("request_nonces", "scopes", "scratch_tokens", "service_pulses", "sessions", "sites", "storages", "users"),
}


@dataclass(frozen=True, slots=True)
class MortalRuntime(Runtime):
    """A runtime whose process dies when it has opened so many sessions."""

    lives: Iterator[int] = field(default_factory=itertools.count)
    dies_at: int = 0

    @contextmanager
    def session(self) -> Iterator[Session]:
        if next(self.lives) == self.dies_at:
            raise Killed
        with Runtime.session(self) as session:
            yield session


class Killed(BaseException):
    """The process is no more."""


@pytest.fixture
def archiving(runtime: Runtime, tmp_path: Path) -> Runtime:
    """A runtime with an archive into which workflows go at once, in small batches."""
    settings = Archive(directory=tmp_path, after_days=0, batch=5)
    return replace(runtime, settings=runtime.settings.model_copy(update={"archive": settings}))


@pytest.fixture
def api(archiving: Runtime) -> Iterator[httpx.Client]:
    with serving(create_app(archiving)) as url, httpx.Client(base_url=f"{url}/api/v1", timeout=60) as client:
        yield client


def make(runtime: Runtime, **values: Any) -> int:
    with runtime.session() as session:
        return make_ended_workflow(session, **values)


def looks(api: httpx.Client, workflow_id: int) -> dict[str, Any]:
    """All that can be seen of a workflow, without what tells that it is archived."""
    here = f"/workflows/{workflow_id}"
    paths = [here, f"{here}/spec", f"{here}/stages", f"{here}/stages/2", f"{here}/stages/1/jobscript"]
    paths += [f"{here}/files?limit=1000", f"{here}/files?stage_id=2&limit=3", f"{here}/files?state=output"]
    paths += [f"{here}/replicas?limit=1000", f"{here}/datasets", f"{here}/stages/2/outputs"]
    paths += [f"/jobs?workflow_id={workflow_id}", f"/jobs?workflow_id={workflow_id}&stage_id=2&limit=2"]
    paths += [f"/events?workflow_id={workflow_id}&event_type=file_processed&limit=3"]
    seen: dict[str, Any] = {}
    for path in paths:
        answer = api.get(path)
        assert answer.status_code == httpx.codes.OK, (path, answer.text)
        seen[path] = answer.text if path.endswith("jobscript") else answer.json()
    seen[here].pop("archived_at")
    for path in paths:
        if "replicas" in path:
            seen[path]["items"].sort(key=lambda copy: (copy["did"], copy["rse"]))
    events = _pages(api, f"/events?workflow_id={workflow_id}", "event_id")
    oldest = _pages(api, f"/events?workflow_id={workflow_id}&oldest_first=true", "event_id")
    assert oldest == events[::-1]
    seen["events"] = [event for event in events if event["event_type"] != "workflow_archived"]
    seen["pages of files"] = _pages(api, f"{here}/files?state=processed", "file_id")
    return seen


def _pages(api: httpx.Client, path: str, key: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    after: int | None = None
    while True:
        page = api.get(path, params={**httpx.QueryParams(urlsplit(path).query), "limit": 7, **_after(after)}).json()
        items += page["items"]
        after = page["next_after"]
        if after is None:
            assert len({item[key] for item in items}) == len(items)
            return items


def _after(after: int | None) -> dict[str, int]:
    return {} if after is None else {"after": after}


def rows(runtime: Runtime) -> dict[str, int]:
    """How many rows there are in each table that workflows fill."""
    with runtime.session() as session:
        connection = session.connection()
        names = [name for name in metadata.tables if name not in KEPT]
        counts = {name: connection.execute(text(f"SELECT count(*) FROM {name}")).scalar_one() for name in names}
    return {name: count for name, count in counts.items() if count}


def test_an_archived_workflow_looks_as_before_and_leaves_nothing_behind(archiving: Runtime, api: httpx.Client) -> None:
    workflow_id = make(archiving)
    before = looks(api, workflow_id)
    done = archive.archive_workflows(archiving)

    assert (done.workflows, done.problem) == ((workflow_id,), "")
    assert looks(api, workflow_id) == before
    assert rows(archiving) == {}
    assert api.get("/workflows").json()["items"] == []
    (listed,) = api.get("/workflows", params={"archived": "true"}).json()["items"]
    assert (listed["workflow_id"], listed["state"], listed["name"]) == (workflow_id, "finished", "ended")
    assert listed["archived_at"]
    (told,) = api.get("/events", params={"event_type": "workflow_archived"}).json()["items"]
    assert (told["workflow_id"], told["actor"]) == (workflow_id, "archive")
    assert archive.archive_workflows(archiving) == Archived()


def test_how_it_ended_is_explained_and_it_cannot_be_changed(archiving: Runtime, api: httpx.Client) -> None:
    workflow_id = make(archiving)
    archive.archive_workflows(archiving)
    explained = api.get(f"/workflows/{workflow_id}/why-not").json()
    assert [stage["stage_id"] for stage in explained["stages"]] == [1, 2]
    assert "finished and archived" in explained["stages"][0]["answer"]
    assert "it is over" in explained["stages"][0]["answer"]
    for act in ("pause", "restart", "finish", "submit"):
        answer = api.post(f"/workflows/{workflow_id}/{act}")
        assert (answer.status_code, answer.json()["code"]) == (409, "wrong_state"), act


def test_it_can_be_made_anew(archiving: Runtime, api: httpx.Client, tmp_path: Path) -> None:
    workflow_id = make(archiving)
    archive.archive_workflows(archiving)
    spec = WorkflowSpec.model_validate(api.get(f"/workflows/{workflow_id}/spec").json())
    first = spec.stages[0]
    assert (first.jobscript, first.environment, first.classads) == (JOBSCRIPT, {"A": "b"}, {"WANT_X": "1"})
    assert [(repo.organisation, repo.repository, repo.tag) for repo in first.git_repos] == [("org", "repo", "v1")]
    assert first.gpus
    assert first.gpus.count == 1
    assert [output.lifetime_days for output in spec.stages[1].outputs] == [7.0]

    (tmp_path / "again.yaml").write_text(workflow_text(spec))
    assert "- jobscript: |\n" in workflow_text(spec)
    assert load_workflow(tmp_path / "again.yaml") == spec


def test_wherever_it_is_killed_nothing_is_lost(archiving: Runtime, api: httpx.Client) -> None:
    workflow_id = make(archiving, jobs=1, inputs=2)
    before = looks(api, workflow_id)
    deaths = 0
    for dies_at in itertools.count():
        values = {name: getattr(archiving, name) for name in Runtime.__dataclass_fields__}
        try:
            archive.archive_workflows(MortalRuntime(**values, dies_at=dies_at))
        except Killed:
            deaths += 1
            assert looks(api, workflow_id) == before, dies_at
        else:
            break
    assert deaths > 10
    assert rows(archiving) == {}
    assert looks(api, workflow_id) == before


@pytest.mark.parametrize(
    "left",
    [
        "UPDATE outbox SET state = 'waiting' WHERE outbox_id = (SELECT min(outbox_id) FROM outbox)",
        "UPDATE datasets SET closed_at = NULL",
        "UPDATE jobs SET in_pool = true WHERE job_id = (SELECT min(job_id) FROM jobs)",
        "UPDATE workflows SET state = 'finishing'",
        "UPDATE workflows SET finished_at = now() + interval '1 hour'",
        """INSERT INTO log_archives (job_id, did, state, offers, attempts, last_error)
           SELECT min(job_id), 'a:b', 'waiting', 1, 0, '' FROM jobs""",
    ],
)
def test_what_is_not_over_stays(archiving: Runtime, left: str) -> None:
    make(archiving)
    with archiving.session() as session:
        session.connection().execute(text(left))
    before = rows(archiving)
    assert archive.archive_workflows(archiving) == Archived()
    assert rows(archiving) == before


def test_a_workflow_whose_outputs_are_being_processed_stays(archiving: Runtime) -> None:
    workflow_id = make(archiving)
    with archiving.session() as session:
        outputs = text("SELECT did FROM files WHERE workflow_id = :id AND state = 'output' LIMIT 1")
        did = session.connection().execute(outputs, {"id": workflow_id}).scalar_one()
        other = make_stage(session)
        make_files(session, other, did=did)
    assert archive.archive_workflows(archiving).workflows == ()
    with archiving.session() as session:
        ended = text("UPDATE workflows SET state = 'failed' WHERE workflow_id = :id")
        session.connection().execute(ended, {"id": other.workflow_id})
    assert workflow_id in archive.archive_workflows(archiving).workflows


def test_nothing_leaves_unless_the_object_can_be_read_back(
    archiving: Runtime, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(archiving)
    before = rows(archiving)
    sound = archive_objects.write

    def spoiled(*arguments: Any) -> archive_objects.Written:
        written = sound(*arguments)
        path = Path(urlsplit(written.location).path)
        path.write_bytes(path.read_bytes()[:-10])
        return written

    monkeypatch.setattr(archive_objects, "write", spoiled)
    assert "something else" in archive.archive_workflows(archiving).problem
    assert rows(archiving) == before


def test_an_object_explains_itself(archiving: Runtime, tmp_path: Path) -> None:
    workflow_id = make(archiving)
    archive.archive_workflows(archiving)
    (path,) = tmp_path.glob("*.jsonl.gz")
    with gzip.open(path, "rt") as unpacked:
        lines = [json.loads(line) for line in unpacked]
    assert (lines[0]["archive"]["schema"], lines[0]["archive"]["workflow_id"]) == (1, workflow_id)
    kinds = [next(iter(line)) for line in lines]
    assert lines[-1]["end"]["lines"] == {kind: kinds.count(kind) for kind in dict.fromkeys(kinds[:-1])} | {
        kind: 0 for kind, count in lines[-1]["end"]["lines"].items() if not count
    }
    (stage, _) = (line["stage"] for line in lines if "stage" in line)
    assert stage["repositories"][0]["commit"] == "c" * 40
    assert not [line for line in lines if "secret" in json.dumps(line)]


def test_an_object_that_is_away_or_cut_off_is_said_to_be(archiving: Runtime, api: httpx.Client, tmp_path: Path) -> None:
    workflow_id = make(archiving)
    archive.archive_workflows(archiving)
    (path,) = tmp_path.glob("*.jsonl.gz")
    path.rename(tmp_path / "away")
    assert api.get(f"/workflows/{workflow_id}/files").status_code == httpx.codes.SERVICE_UNAVAILABLE
    path.write_bytes((tmp_path / "away").read_bytes()[:-200])
    with pytest.raises(Damaged):
        list(archive_objects.read(path.as_uri(), {"event": path.stat().st_size - 50}, "event"))
    with pytest.raises(Unavailable):
        archive_objects.write(tmp_path / "none", "a", [])


def test_what_a_killed_writer_left_is_cleaned_away_once_nobody_writes_it(archiving: Runtime, tmp_path: Path) -> None:
    old, young = tmp_path / ".w00001-a.new", tmp_path / ".w00001-b.new"
    for path in (old, young):
        path.touch()
    os.utime(old, (0, 0))
    archive.archive_workflows(archiving)
    assert list(tmp_path.iterdir()) == [young]


def test_every_table_goes_with_workflows_or_is_known_to_stay() -> None:
    going = {name for thing in emptying.OWNERS for name in emptying.belongings(thing)}
    things = {"files", "jobs", "stages", "workflows"}
    assert going | things | KEPT == set(metadata.tables)
    assert not (going | things) & KEPT
    # What refers to something that goes, goes with it.
    for table in metadata.tables.values():
        referred = {key.column.table.name for key in table.foreign_keys} & (going | things)
        assert not referred or table.name in going | things, table.name


class Deaf:
    """Somebody who is to be told of events, and has not been told of any yet."""

    name = "deaf"

    def send(self, events: Sequence[EventView]) -> Delivery:
        """Take nothing."""
        return Delivery(waits_from=events[0].event_id)


def test_what_somebody_is_still_to_be_told_of_stays(archiving: Runtime) -> None:
    workflow_id = make(archiving)
    told_later = replace(archiving, sinks=(Deaf(),))

    assert archive.archive_workflows(told_later).workflows == ()
    assert archive.archive_workflows(archiving).workflows == (workflow_id,)
