"""Code from git: fetched when a stage is made, stored with its commit, and shown with it."""

import hashlib
import uuid
from pathlib import Path
from typing import Any

import pytest
from httpx import Client
from sqlmodel import select

from engine.runtime import Runtime
from justin.schemas.views import Problem, StageView, WorkflowView
from models.workflows import CodeReference, Workflow
from tests.support.repositories import Repository, make_repository

JOBSCRIPT = "#!/bin/sh\necho from git\n"


@pytest.fixture
def code(runtime: Runtime) -> Repository:
    directory = runtime.settings.git.directory
    assert directory
    made = make_repository(Path(directory), f"dune/{uuid.uuid4().hex}")
    made.commit({"jobs/sim.jobscript": JOBSCRIPT, "lib/a.py": "A = 1\n"})
    made.tag("v1", annotated=True)
    return made


def workflow(*stages: dict[str, Any]) -> dict[str, Any]:
    return {"mql": "monte-carlo 3", "stages": list(stages)}


def created(api: Client, *stages: dict[str, Any], submit: bool = False) -> WorkflowView:
    reply = api.post("/workflows", params={"submit": submit}, json=workflow(*stages))
    assert reply.status_code == 201, reply.text
    return WorkflowView.model_validate(reply.json())


def refused(api: Client, stage: dict[str, Any], status: int = 400) -> str:
    reply = api.post("/workflows", json=workflow(stage))
    assert reply.status_code == status, reply.text
    assert api.get("/workflows").json()["items"] == [], "nothing is stored"
    return Problem.model_validate(reply.json()).detail


def test_a_jobscript_in_git_is_stored_with_its_text_hash_and_commit(api: Client, code: Repository) -> None:
    commit = code.git("rev-parse", "HEAD")
    reference = f"{code.name}/jobs/sim.jobscript:v1"
    made = created(api, {"jobscript_git": reference}, submit=True)
    (stage,) = made.stages
    assert (stage.jobscript_git, stage.jobscript_commit) == (reference, commit)
    assert stage.jobscript_sha256 == hashlib.sha256(JOBSCRIPT.encode()).hexdigest()
    assert made.state == "running", "nothing is to be published"

    code.commit({"jobs/sim.jobscript": "#!/bin/sh\necho another\n"})
    code.tag("v1")

    assert api.get(f"/workflows/{made.workflow_id}/stages/1/jobscript").text == JOBSCRIPT
    assert created(api, {"jobscript_git": reference}).stages[0].jobscript_commit == code.git("rev-parse", "HEAD")
    assert created(api, {"jobscript_git": f"{code.name}/jobs/sim.jobscript:{commit}"}).stages[0].jobscript_sha256 == (
        stage.jobscript_sha256
    )


def test_a_workflow_waits_until_its_repositories_are_published(api: Client, runtime: Runtime, code: Repository) -> None:
    organisation, _, repository = code.name.partition("/")
    wanted = {"organisation": organisation, "repository": repository, "tag": "main"}
    made = created(api, {"jobscript": JOBSCRIPT, "git_repos": [wanted]}, submit=True)

    assert made.state == "submitted"
    (shown,) = made.stages[0].git_repos
    assert (shown.repository, shown.tag, shown.commit) == (code.name, "main", code.git("rev-parse", "HEAD"))
    assert (shown.content_sha256, shown.path) == ("", "")
    with runtime.session() as session:
        assert session.get_one(Workflow, made.workflow_id).refind_next_at is not None
        (watched,) = session.exec(select(CodeReference)).all()
        assert (watched.repository, watched.reference, watched.kind) == (code.name, "main", "branch")


def test_a_draft_s_stage_keeps_the_commit_of_its_making(api: Client, code: Repository) -> None:
    commit = code.git("rev-parse", "HEAD")
    draft = created(api)
    reply = api.post(
        f"/workflows/{draft.workflow_id}/stages",
        json={"stage": {"jobscript_git": f"{code.name}/jobs/sim.jobscript:main", "git_repos": [f"{code.name}/v1"]}},
    )
    assert reply.status_code == 201, reply.text
    code.commit({"lib/a.py": "A = 2\n"})
    code.tag("v1")

    assert api.post(f"/workflows/{draft.workflow_id}/submit").status_code == 200

    (stage,) = [StageView.model_validate(each) for each in api.get(f"/workflows/{draft.workflow_id}/stages").json()]
    assert (stage.jobscript_commit, stage.git_repos[0].commit) == (commit, commit)


def test_each_mistake_has_its_own_sentence(api: Client, code: Repository) -> None:
    script = f"{code.name}/jobs/sim.jobscript"
    code.commit(
        {
            "latin": b"#!/bin/sh\n# caf\xe9\n",
            "plain": "echo\n",
            "big": "#!" + "x" * (1 << 20),
            "nothing": "",
            "nul": "#!\0",
        }
    )
    sentences = {
        f"{script}:v2": "has neither a tag nor a branch v2",
        f"{code.name}/jobs/none:v1": "There is no jobs/none in",
        f"{code.name}/jobs:v1": "is a folder and no file",
        f"{code.name}/latin:main": "is not a text file in UTF-8",
        f"{code.name}/plain:main": "must begin with '#!'",
        f"{code.name}/big:main": "is larger than 1048576 bytes",
        f"{code.name}/nothing:main": "is empty",
        f"{code.name}/nul:main": "NUL byte",
        f"{script}:{'0' * 40}": f"has no commit {'0' * 40}",
    }
    for reference, sentence in sentences.items():
        assert sentence in refused(api, {"jobscript_git": reference})
    repository = {"jobscript": JOBSCRIPT, "git_repos": [f"{code.name}:v9"]}
    assert "has neither a tag nor a branch v9" in refused(api, repository)


def test_a_host_that_does_not_answer_is_named_and_may_be_asked_again(api: Client) -> None:
    detail = refused(api, {"jobscript_git": "nobody/code/x.jobscript:v1"}, 503)
    assert "127.0.0.1:9" in detail
    assert "nobody/code" in detail


def test_no_reference_reaches_files_outside_of_repositories(api: Client, code: Repository) -> None:
    for reference in (
        f"{code.name}/../../x:v1",
        "../x/y:v1",
        f"{code.name}/jobs/sim.jobscript:../../x",
        "/etc/passwd:x",
    ):
        assert api.post("/workflows", json=workflow({"jobscript_git": reference})).status_code in {400, 422}


def test_repositories_are_refused_where_nothing_brings_them_to_jobs(
    runtime: Runtime, api: Client, code: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runtime.settings.rcds, "urls", [])

    assert "knows no RCDS that would publish git repositories" in refused(
        api, {"jobscript": JOBSCRIPT, "git_repos": [f"{code.name}:v1"]}
    )
