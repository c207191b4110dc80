"""Two workflows side by side: their definitions, their code, and what became of them, archived or not."""

import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import text
from sqlmodel import col, select, update

from engine import archive, diff, people, submission
from engine.adapters import metacat_client
from engine.errors import NotFound
from engine.runtime import Runtime
from engine.settings import Archive
from engine.submission import Submission
from justin.schemas.diff import Part, StageDiff, ValueDiff, WorkflowDiff
from justin.schemas.specs import WorkflowSpec
from justin.states import JobState
from models.jobs import Job
from models.workflows import Stage
from services.api.app import create_app
from tests.support.ended_workflows import make_ended_workflow
from tests.support.makers import make_job, make_scope, make_stage
from tests.support.repositories import Repository, make_repository
from tests.support.serving import serving

JOBSCRIPT = "#!/bin/sh\necho one\necho two\n"


@pytest.fixture
def ready(runtime: Runtime, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Runtime:
    """A runtime with a scope, and an archive into which workflows go at once; its MetaCat is known to be away."""
    monkeypatch.setattr(metacat_client, "PAUSES_SECONDS", ())
    with runtime.session() as session:
        make_scope(session)
    settings = Archive(directory=tmp_path, after_days=0)
    return replace(runtime, settings=runtime.settings.model_copy(update={"archive": settings}))


@pytest.fixture
def code(runtime: Runtime) -> Repository:
    directory = runtime.settings.git.directory
    assert directory
    return make_repository(Path(directory), f"dune/{uuid.uuid4().hex}")


def made(runtime: Runtime, *stages: dict[str, Any], **values: Any) -> int:
    given = [{"jobscript": JOBSCRIPT, **stage} for stage in stages]
    spec = WorkflowSpec.model_validate({"mql": "monte-carlo 3", "stages": given, **values})
    with runtime.session() as session:
        caller = people.identify(session, "alice")
    return submission.create_workflow(runtime, caller, Submission(spec, submit=False))


def differing(found: WorkflowDiff | StageDiff) -> dict[str, tuple[Any, Any]]:
    return {f"{each.part} {each.name}": (each.first, each.second) for each in found.values if not each.equal}


def value(found: StageDiff, part: Part, name: str) -> ValueDiff:
    (one,) = (each for each in found.values if (each.part, each.name) == (part, name))
    return one


def test_drafts_of_the_same_do_not_differ(ready: Runtime) -> None:
    stage = {"environment": {"A": "b"}, "gpus": {"count": 1, "min_capability": 7.5}, "classads": {}}
    first, second = (made(ready, stage) for _ in range(2))

    found = diff.diff_workflows(ready, first, second, 10)

    assert (found.equal, found.same_definition, found.problems) == (True, True, [])
    assert (found.first.workflow_id, found.second.workflow_id) == (first, second)
    assert value(found.stages[0], Part.GPUS, "min_capability").first == "7.5"
    assert found.equal == diff.diff_workflows(ready, first, first, 10).equal


def test_what_was_asked_for_is_compared_name_by_name(ready: Runtime) -> None:
    output = {"pattern": "*.root", "lifetime_days": 1}
    first = made(ready, {"environment": {"A": "b", "SAME": "x"}, "rss_mib": 1000, "outputs": [output]})
    changed = {"environment": {"B": "", "SAME": "x"}, "rss_mib": 2000, "gpus": {}, "image": "/images/al9"}
    outputs = [output | {"lifetime_days": 2}, {"pattern": "*.txt", "lifetime_days": 1}]
    script = JOBSCRIPT.replace("two", "three").rstrip("\n")
    second = made(ready, {**changed, "jobscript": script, "outputs": outputs}, mql="monte-carlo 4", name="again")

    found = diff.diff_workflows(ready, first, second, 10)
    (stage,) = found.stages
    told = differing(stage)

    assert differing(found) == {"workflow name": ("", "again"), "input mql": ("monte-carlo 3", "monte-carlo 4")}
    assert (found.equal, found.same_definition, stage.same_definition) == (False, False, False)
    assert told.pop("jobscript jobscript_sha256")
    assert {name: pair for name, pair in told.items() if "p2" not in name and "gpus" not in name} == {
        "image image": ("", "/images/al9"),
        "resources rss_mib": (1000, 2000),
        "environment A": ("b", None),
        "environment B": (None, ""),
        "outputs p1 lifetime_days": (1.0, 2.0),
    }
    assert (told["outputs p2 pattern"], told["made p2 files"]) == ((None, "*.txt"), (None, 0))
    assert told["gpus count"] == (None, 1)
    assert [each.part for each in stage.values] == sorted((each.part for each in stage.values), key=list(Part).index)
    assert stage.jobscript_diff == (
        f"--- workflow {first}, stage 1\n+++ workflow {second}, stage 1\n@@ -1,3 +1,3 @@\n #!/bin/sh\n echo one\n"
        "-echo two\n+echo three\n\\ No newline at end of file\n"
    )


def test_a_stage_that_only_one_has_is_there(ready: Runtime) -> None:
    output = {"pattern": "*.root", "lifetime_days": 1, "for_next_stage": True}
    first, second = made(ready, {}), made(ready, {"outputs": [output]}, {"processors": 4})

    found = diff.diff_workflows(ready, first, second, 10)
    last = found.stages[1]

    assert [(stage.stage_id, bool(stage.first), bool(stage.second)) for stage in found.stages] == [
        (1, True, True),
        (2, False, True),
    ]
    assert (last.equal, last.same_definition) == (False, False)
    assert value(last, Part.RESOURCES, "processors").model_dump(include={"first", "second"}) == {
        "first": None,
        "second": 4,
    }
    assert last.jobscript_diff.splitlines()[2:] == [
        "@@ -0,0 +1,3 @@",
        *(f"+{line}" for line in JOBSCRIPT.split("\n")[:3]),
    ]


def test_the_commits_between_two_tags_are_listed_both_ways(ready: Runtime, code: Repository) -> None:
    base = code.commit({"a": "0"}, "Begin")
    old = code.commit({"a": "1"}, "Only in the old one")
    code.tag("old")
    code.git("reset", "--quiet", "--hard", base)
    new = []
    for number in range(3):
        code.git("commit", "--quiet", "--allow-empty", "-m", f"New {number}")
        new.append(code.git("rev-parse", "HEAD"))
    code.tag("new")
    first, second = (made(ready, {"git_repos": [f"{code.name}:{tag}"]}) for tag in ("old", "new"))

    found = diff.diff_workflows(ready, first, second, 10)
    (repository,) = found.stages[0].repositories

    assert (repository.equal, repository.problem, repository.more) == (False, "", False)
    assert [(each.commit, each.subject) for each in repository.only_in_first] == [(old, "Only in the old one")]
    assert [each.commit for each in repository.only_in_second] == new[::-1]
    assert not found.same_definition
    (short,) = diff.diff_workflows(ready, first, second, 2).stages[0].repositories
    assert ([each.commit for each in short.only_in_second], short.more) == (new[:0:-1], True)
    (unasked,) = diff.diff_workflows(ready, first, second, 0).stages[0].repositories
    assert (unasked.only_in_first, unasked.only_in_second, unasked.problem) == ([], [], "")


def test_a_repository_that_is_gone_is_said_and_the_rest_is_shown(ready: Runtime, code: Repository) -> None:
    other = make_repository(code.bare.parent.parent, f"dune/{uuid.uuid4().hex}")
    for each in (code, other):
        each.commit({"a": "1"})
        each.tag("v1")
        each.commit({"a": "2"}, "Second")
        each.tag("v2")
    first, second = (
        made(ready, {"git_repos": [f"{code.name}:{tag}", f"{other.name}:{tag}"], "processors": processors})
        for tag, processors in (("v1", 1), ("v2", 2))
    )
    code.bare.rename(code.bare.with_name(f"{uuid.uuid4().hex}.git"))

    (stage,) = diff.diff_workflows(ready, first, second, 10).stages
    gone, reached = stage.repositories

    assert code.name in gone.problem
    assert (gone.only_in_second, [each.subject for each in reached.only_in_second]) == ([], ["Second"])
    assert "resources processors" in differing(stage)


def test_repositories_come_and_go(ready: Runtime, code: Repository) -> None:
    code.commit({"a": "1"})
    first, second = made(ready, {}), made(ready, {"git_repos": [f"{code.name}:main"]})

    (stage,) = diff.diff_workflows(ready, first, second, 10).stages
    (added,) = stage.repositories

    assert (added.first, added.second and added.second.tag, added.equal) == (None, "main", False)
    assert not stage.same_definition


def run(runtime: Runtime, workflow_id: int, state: JobState, **values: Any) -> None:
    """Let a job of the first stage end."""
    with runtime.session() as session:
        stage = session.exec(select(Stage).where(Stage.workflow_id == workflow_id, Stage.stage_number == 1)).one()
        job = make_job(session, stage, state=state, wrapper_version="1.0.0", **values)
        session.exec(
            update(Job).where(col(Job.job_id) == job.job_id).values(started_at=text("now()"), finished_at=text("now()"))
        )


def used(real_seconds: float, cpu_seconds: float, max_rss_bytes: int) -> dict[str, float]:
    return {"real_seconds": real_seconds, "cpu_seconds": cpu_seconds, "max_rss_bytes": max_rss_bytes}


def test_outcomes_are_compared(ready: Runtime) -> None:
    first, second = (made(ready, {"processors": 2}) for _ in range(2))
    for seconds in (10, 20, 30, 40):
        run(ready, first, JobState.FINISHED, **used(seconds, seconds, seconds << 20))
    run(ready, first, JobState.FINISHED)
    run(ready, first, JobState.JOBSCRIPT_ERROR, jobscript_exit=3, **used(1, 0, 1))
    gave_up = "The wrapper gave up: upload failed at RAL2. HTTP 500 after 12.5 s."
    for seconds in (7, 12):
        run(ready, first, JobState.STALLED, state_message=f"Not heard of for {seconds} s.")
    run(ready, first, JobState.OUTPUTTING_FAILED, state_message=gave_up)
    run(ready, first, JobState.NOTUSED, state_message="nothing to do")

    (stage,) = diff.diff_workflows(ready, first, second, 10).stages
    told = differing(stage)

    assert stage.same_definition
    assert {name: pair for name, pair in told.items() if not name.startswith("failures")} == {
        "software wrapper_versions": (["1.0.0"], []),
        "jobs finished": (5, 0),
        "jobs jobscript_error": (1, 0),
        "jobs stalled": (2, 0),
        "jobs outputting_failed": (1, 0),
        "jobs notused": (1, 0),
        "usage median_real_seconds": (20, None),
        "usage median_cpu_efficiency": (0.5, None),
        "usage median_max_rss_bytes": (20 << 20, None),
    }
    assert [(name, pair) for name, pair in told.items() if name.startswith("failures")] == [
        ("failures stalled: Not heard of for # s", (2, 0)),
        ("failures jobscript_error: exit 3", (1, 0)),
        ("failures outputting_failed: The wrapper gave up: upload failed at RAL2", (1, 0)),
    ]
    assert stage.first
    assert (stage.first.ended_jobs, stage.first.finished_jobs) == (10, 5)


def test_of_many_jobs_the_newest_tell(ready: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diff, "MOST_JOBS", 2)
    workflow_id = made(ready, {})
    for seconds in (10, 20, 30):
        run(ready, workflow_id, JobState.FINISHED, **used(seconds, 1, 1))

    found = diff.diff_workflows(ready, workflow_id, workflow_id, 0)

    first = found.stages[0].first
    assert first
    assert (found.most_jobs, first.ended_jobs, first.median_real_seconds) == (2, 2, 20)


def ended(runtime: Runtime) -> int:
    """Make a workflow that ended, whose jobs have told everything."""
    with runtime.session() as session:
        workflow_id = make_ended_workflow(session, jobs=4)
    for seconds in (10, 20, 30):
        run(runtime, workflow_id, JobState.FINISHED, in_pool=False, **used(seconds, 3, seconds))
        run(runtime, workflow_id, JobState.STALLED, in_pool=False, state_message=f"Silent for {seconds} s.")
    with runtime.session() as session:
        session.exec(update(Stage).where(col(Stage.workflow_id) == workflow_id).values(image_digest="sha256:1"))
        session.exec(update(Job).where(col(Job.wrapper_version) == "").values(wrapper_version="0.9"))
    return workflow_id


def test_archived_workflows_are_compared_as_they_were_before(ready: Runtime) -> None:
    first, second = ended(ready), made(ready, {"jobscript": "#!/bin/sh\necho other\n"})
    before = [diff.diff_workflows(ready, *pair, 0) for pair in ((first, second), (second, first), (first, first))]
    assert archive.archive_workflows(ready).workflows == (first,)
    after = [diff.diff_workflows(ready, *pair, 0) for pair in ((first, second), (second, first), (first, first))]

    assert [each.model_dump(exclude={"first", "second"}) for each in after] == [
        each.model_dump(exclude={"first", "second"}) for each in before
    ]
    assert after[0].first.archived_at
    assert value(after[0].stages[0], Part.USAGE, "median_real_seconds").first == 20
    assert value(after[0].stages[0], Part.FAILURES, "stalled: Silent for # s").first == 3
    assert value(after[0].stages[0], Part.IMAGE, "image_digest").first == "sha256:1"
    assert [len(each.problems) for each in after] == [1, 1, 1], "no catalogue tells the version"
    assert f"workflow {first} ran with" in after[0].problems[0]
    assert after[2].equal


def test_an_unknown_workflow_is_said(ready: Runtime) -> None:
    with pytest.raises(NotFound, match="no workflow 2147483647"):
        diff.diff_workflows(ready, made(ready, {}), 2**31 - 1, 10)


@pytest.fixture
def api(ready: Runtime) -> Iterator[httpx.Client]:
    with serving(create_app(ready)) as url, httpx.Client(base_url=f"{url}/api/v1", timeout=60) as client:
        yield client


def test_the_api_gives_everything_and_what_is_equal(ready: Runtime, api: httpx.Client) -> None:
    first, second = made(ready, {}), made(ready, {"processors": 2})

    told = api.get(f"/workflows/{first}/diff/{second}").json()

    assert (told["equal"], told["same_definition"], told["first"]["user"]) == (False, False, "alice")
    by_name = {each["name"]: each for each in told["stages"][0]["values"]}
    assert by_name["processors"] == {"part": "resources", "name": "processors", "first": 1, "second": 2, "equal": False}
    assert by_name["wall_seconds"]["equal"]
    assert api.get(f"/workflows/{first}/diff/2147483647").status_code == httpx.codes.NOT_FOUND
    assert api.get(f"/workflows/{first}/diff/0").status_code == httpx.codes.BAD_REQUEST
    assert api.get(f"/workflows/{first}/diff/{second}", params={"commits": -1}).status_code == httpx.codes.BAD_REQUEST


def test_an_unused_stage_has_no_medians(ready: Runtime) -> None:
    with ready.session() as session:
        workflow_id = make_stage(session).workflow_id
    (stage,) = diff.diff_workflows(ready, workflow_id, workflow_id, 10).stages

    assert (stage.first, stage.equal) == (stage.second, True)
    assert stage.first
    assert (stage.first.ended_jobs, stage.first.median_real_seconds) == (0, None)
