"""Queries are tried on real catalogues before a workflow exists, and two equal requests make one."""

import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlmodel import select

from engine import input_queries, people, submission
from engine.errors import InvalidInput, NotAllowed
from engine.ports import NewFile
from engine.rights import Caller
from engine.runtime import Runtime
from engine.settings import Containers
from engine.submission import Submission
from justin.schemas.specs import CampaignSpec, StageSpec, WorkflowSpec
from models import seed
from models.people import Quota, User
from models.workflows import Stage, Workflow
from tests.support.makers import make_scope

SCOPE = "usertests"


@pytest.fixture
def dataset(grid_runtime: Runtime) -> str:
    """A dataset of three files in both catalogues."""
    name = f"{SCOPE}:sub-{uuid.uuid4().hex}"
    files = [NewFile(f"{name}-{number}.root", 10, f"{number:08x}", metadata={"core.n": number}) for number in range(3)]
    grid_runtime.metacat.ensure_namespace(SCOPE)
    grid_runtime.metacat.ensure_dataset(name, {})
    grid_runtime.metacat.declare(name, files)
    grid_runtime.rucio.register("CERN", files)
    grid_runtime.rucio.ensure_dataset(name, "justin")
    grid_runtime.rucio.attach(name, [file.did for file in files])
    return name


STAGE = StageSpec(jobscript="#!/bin/sh\n")


def spec(mql: str = "monte-carlo 3", **values: Any) -> WorkflowSpec:
    return WorkflowSpec(mql=mql, **({"stages": [STAGE]} | values))


def create(runtime: Runtime, wanted: WorkflowSpec, **values: Any) -> Workflow:
    with runtime.session() as session:
        caller = people.identify(session, "alice")
    workflow_id = submission.create_workflow(runtime, caller, Submission(wanted, **values))
    with runtime.session() as session:
        return session.get_one(Workflow, workflow_id)


def workflows(runtime: Runtime) -> int:
    with runtime.session() as session:
        return len(session.exec(select(Workflow)).all())


@pytest.mark.parametrize("form", ["files from {}", "rucio-dataset {}"])
def test_a_good_query_is_taken_and_its_files_are_to_be_found(grid_runtime: Runtime, dataset: str, form: str) -> None:
    made = create(grid_runtime, spec(form.format(dataset)), submit=True)
    assert made.state == "running"
    assert made.refind_next_at is not None
    assert made.refind_next_at <= datetime.now(UTC)


@pytest.mark.parametrize(
    ("mql", "words"),
    [
        ("files from where", "MetaCat"),
        ("files from usertests:x where core.n = = 3", "MetaCat"),
        ("rucio-dataset usertests:nosuch-dataset", "nosuch-dataset"),
    ],
)
def test_a_bad_query_is_refused_in_the_catalogues_words(grid_runtime: Runtime, mql: str, words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        create(grid_runtime, spec(mql), submit=True)
    assert workflows(grid_runtime) == 0


@pytest.mark.parametrize("form", ["files from {}", "rucio-dataset {}"])
def test_more_files_than_the_quota_allows_are_refused(grid_runtime: Runtime, dataset: str, form: str) -> None:
    with grid_runtime.session() as session:
        for quota in session.exec(select(Quota)):
            quota.max_input_files = 2
    with pytest.raises(InvalidInput, match=r"more files \(3\) than the quota"):
        create(grid_runtime, spec(form.format(dataset)), submit=True)


def test_a_preview_counts_and_names_a_few(grid_runtime: Runtime, dataset: str) -> None:
    for form in (f"files from {dataset} where core.n < 2", f"rucio-dataset {dataset}"):
        seen = input_queries.preview(grid_runtime, form)
        assert seen.count in {2, 3}
        assert seen.total_size_bytes == 10 * seen.count
        assert len(seen.sample) == seen.count
    with pytest.raises(InvalidInput):
        input_queries.preview(grid_runtime, "files from where")


def test_equal_requests_at_once_make_one_workflow(runtime: Runtime) -> None:
    with runtime.session() as session:
        make_scope(session)
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: create(runtime, spec(), key="k", submit=True).workflow_id, range(8)))
    assert len(set(made)) == workflows(runtime) == 1


def test_first_sight_of_a_user_at_once_makes_one(runtime: Runtime) -> None:
    def identify(_: int) -> Caller:
        with runtime.session() as session:
            return people.identify(session, "alice")

    with ThreadPoolExecutor(8) as pool:
        assert len({caller.user_id for caller in pool.map(identify, range(8))}) == 1


def test_a_disabled_user_is_refused(runtime: Runtime) -> None:
    with runtime.session() as session:
        session.add(User(name="mallory", enabled=False, disabled_reason="Left."))
        session.flush()
        with pytest.raises(NotAllowed, match=r"disabled\. Left"):
            people.identify(session, "mallory")


def test_a_scope_of_a_group_is_for_its_members(runtime: Runtime) -> None:
    with runtime.session() as session:
        group = seed.ensure_group(session, "/dune/production")
        seed.ensure_scope(session, SCOPE, seed.ensure_quota(session, "production", group_id=group))
    with pytest.raises(NotAllowed, match="/dune/production"):
        create(runtime, spec())
    with runtime.session() as session:
        seed.ensure_member(session, group, seed.ensure_user(session, "alice"))
    assert create(runtime, spec()).state == "draft"


@pytest.mark.parametrize("what", ["scope", "quota"])
def test_a_disabled_scope_or_quota_is_refused(runtime: Runtime, what: str) -> None:
    with runtime.session() as session:
        quota = seed.ensure_quota(session, SCOPE, enabled=what != "quota", disabled_reason="Spent.")
        seed.ensure_scope(session, SCOPE, quota, enabled=what != "scope")
    with pytest.raises(InvalidInput, match="is disabled"):
        create(runtime, spec())


@pytest.mark.parametrize("added_later", [False, True])
def test_who_may_not_run_on_nodes_runs_in_the_default_image(runtime: Runtime, added_later: bool) -> None:
    with runtime.session() as session:
        make_scope(session)
        caller = people.identify(session, "ann")
    confined = replace(
        runtime, settings=runtime.settings.model_copy(update={"containers": Containers(default_image="/image")})
    )
    stages = [] if added_later else [STAGE]
    workflow_id = submission.create_workflow(confined, caller, Submission(spec(stages=stages)))
    if added_later:
        submission.add_stage(confined, caller, workflow_id, STAGE)
    with runtime.session() as session:
        assert [each.image for each in session.exec(select(Stage)).all()] == ["/image"]


def test_refinding_needs_only_one_of_its_two_words(runtime: Runtime) -> None:
    with runtime.session() as session:
        make_scope(session)
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    until = create(runtime, spec(refind_until=tomorrow))
    assert (until.refind_interval_seconds, until.refind_until) == (3600, tomorrow)
    every = create(runtime, spec(refind_interval_hours=0.5))
    assert every.refind_interval_seconds == 1800
    assert every.refind_until is not None
    assert f"{every.refind_until:%H%M%S}" == "235959"


def test_a_campaign_is_its_owners(runtime: Runtime) -> None:
    with runtime.session() as session:
        make_scope(session)
        from_mallory = people.identify(session, "mallory")
        campaign_id = submission.create_campaign(session, from_mallory, CampaignSpec(name="c"))
    with pytest.raises(NotAllowed):
        create(runtime, spec(campaign_id=campaign_id))
    with pytest.raises(InvalidInput, match="no campaign"):
        create(runtime, spec(campaign_id=2**30))
