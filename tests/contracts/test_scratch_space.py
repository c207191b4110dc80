"""Outputs in scratch space: the real wrapper and allocator, and a real WebDAV server behind a door as dCache has it."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from engine import outputs, problems, scratch_tokens, viewing
from engine.errors import InvalidInput
from engine.runtime import Runtime
from engine.settings import Scratch
from justin.schemas.specs import OutputSpec, ScratchTokenSpec
from localgrid.pool import alone
from localgrid.pool.alone import Ran
from models.queries import files
from models.queries.files import FileFilter
from tests.support.scratch_space import TOKEN, ScratchSpace, scratch_space
from tests.support.single_jobs import Chain, chain

SITE = "UK_Manchester"

TWO_OUTPUTS = r"""#!/bin/sh
set -e
did=$($JUSTIN_PATH/justin-get-file | cut -f1 -d' ')
printf content > a-$JUSTIN_WORKFLOW_ID.dat
printf more > "b-$JUSTIN_WORKFLOW_ID.txt"
echo "$did" > justin-processed-dids.txt
"""


@pytest.fixture
def space(tmp_path: Path) -> Iterator[ScratchSpace]:
    with scratch_space(tmp_path / "scratch") as running:
        yield running


@pytest.fixture
def world(grid_runtime: Runtime, tmp_path: Path) -> Iterator[Chain]:
    key_file = tmp_path / "keys"
    key_file.write_bytes(Fernet.generate_key())
    settings = grid_runtime.settings.model_copy(update={"scratch": Scratch(key_file=key_file)})
    with chain(replace(grid_runtime, settings=settings)) as running:
        yield running


def give_token(world: Chain, token: str = TOKEN) -> None:
    spec = ScratchTokenSpec(token=token, expires_at=datetime.now(UTC) + timedelta(hours=1))
    with world.runtime.session() as session:
        scratch_tokens.put(session, world.caller, world.runtime.settings.scratch, spec)


def run_jobs(world: Chain, space: ScratchSpace) -> list[Ran]:
    """Run the jobs that are in the pool; they trust the authority of the scratch space."""
    directory = world.runtime.settings.pool.directory
    jobs = alone.take_jobs(directory)
    for job in jobs:
        (order,) = job.sandbox.rglob("job.json")
        order.write_text(json.dumps(json.loads(order.read_text()) | {"ca_path": str(space.ca_path)}))
    return [alone.run_job(directory, job, SITE) for job in jobs]


def to(space: ScratchSpace, pattern: str) -> OutputSpec:
    return OutputSpec(pattern=pattern, destination=f"{space.url}/users/alice/")


def the_workflow(world: Chain, workflow_id: int) -> tuple[str, str]:
    (row,) = world.rows.ask("SELECT state, state_message FROM workflows WHERE workflow_id = %s", workflow_id)
    return row["state"], row["state_message"]


def everything_kept(world: Chain) -> str:
    """All that the database holds of events, jobs, logs and files, as text."""
    said = [
        *world.rows.ask("SELECT * FROM events"),
        *world.rows.ask("SELECT * FROM recorded_outputs"),
        *world.rows.ask("SELECT * FROM scratch_files"),
        *world.rows.ask("SELECT * FROM scratch_tokens"),
        *world.rows.ask("SELECT jobsub_id, state_message FROM jobs"),
    ]
    return repr(said)


@pytest.mark.parametrize("redirects", [True, False])
def test_outputs_go_to_their_owners_scratch_space(world: Chain, space: ScratchSpace, *, redirects: bool) -> None:
    space.redirects = redirects
    give_token(world)
    workflow_id = world.submit(TWO_OUTPUTS, "monte-carlo 1", to(space, "*.dat"), to(space, "*.txt"))
    (ran,) = run_jobs(world, space)
    assert ran.exit_status == 0, ran.log

    where = f"users/alice/{world.runtime.settings.instance}/{workflow_id:05}/1/1"
    assert space.files() == {
        f"{where}/a-{workflow_id}.dat": b"content",
        f"{where}/b-{workflow_id}.txt": b"more",
    }
    assert Counter(row["state"] for row in world.rows.files(workflow_id)) == {"processed": 1, "output": 2}
    assert world.outbox(workflow_id) == []
    assert world.event_types(workflow_id).count("output_in_scratch") == 2
    with world.runtime.session() as session:
        shown = files.list_files(session, FileFilter(workflow_id, None, None, None), 10)
        stage = viewing.stage(session, workflow_id, 1, world.runtime.settings.instance)
    assert [file.url for file in shown if file.url] == [
        f"{space.url}/{where}/a-{workflow_id}.dat",
        f"{space.url}/{where}/b-{workflow_id}.txt",
    ]
    assert [(output.dataset, output.files) for output in stage.outputs] == [
        (f"{space.url}/{where.removesuffix('/1')}", 1)
    ] * 2
    assert space.tokens_at_pool == 0
    assert ("PUT", f"/{where}/a-{workflow_id}.dat", "pool" if redirects else "door") in space.seen
    assert TOKEN not in ran.log + everything_kept(world)


def test_outputs_of_a_job_count_together_wherever_they_go(world: Chain, space: ScratchSpace) -> None:
    give_token(world)
    workflow_id = world.submit(TWO_OUTPUTS, "monte-carlo 1", to(space, "*.dat"), "*.txt")
    run_jobs(world, space)
    assert Counter(row["state"] for row in world.rows.files(workflow_id)) == {"outputting": 1, "uploaded": 2}

    outputs.register_outputs(world.runtime)
    assert Counter(row["state"] for row in world.rows.files(workflow_id)) == {"processed": 1, "output": 2}
    types = world.event_types(workflow_id)
    assert (types.count("output_in_scratch"), types.count("output_registered")) == (1, 1)


def test_a_token_that_is_refused_sends_the_input_back_and_pauses_the_workflow(
    world: Chain, space: ScratchSpace
) -> None:
    give_token(world, "some-other-token")
    workflow_id = world.submit(TWO_OUTPUTS, "monte-carlo 1", to(space, "*.dat"))
    (ran,) = run_jobs(world, space)

    (job,) = world.rows.jobs(workflow_id)
    assert job["state"] == "outputting_failed"
    assert "access refused at SCRATCH" in job["state_message"]
    assert [row["state"] for row in world.rows.inputs(workflow_id)] == ["unallocated"]
    state, message = the_workflow(world, workflow_id)
    assert state == "paused"
    assert "justin set-token" in message
    assert "some-other-token" not in ran.log + everything_kept(world) + message


def test_a_token_that_has_expired_is_told_before_anything_is_uploaded(world: Chain, space: ScratchSpace) -> None:
    give_token(world)
    workflow_id = world.submit(TWO_OUTPUTS, "monte-carlo 1", to(space, "*.dat"))
    world.rows.ask("UPDATE scratch_tokens SET expires_at = now() RETURNING 1")
    run_jobs(world, space)

    (job,) = world.rows.jobs(workflow_id)
    assert job["state"] == "outputting_failed"
    assert "expires at" in job["state_message"]
    assert the_workflow(world, workflow_id)[0] == "paused"
    assert "paused_no_scratch_access" in world.event_types(workflow_id)
    assert space.seen == []


def test_a_workflow_is_paused_before_jobs_run_in_vain(world: Chain, space: ScratchSpace) -> None:
    with pytest.raises(InvalidInput, match="justin set-token"):
        world.submit(TWO_OUTPUTS, "monte-carlo 1", to(space, "*.dat"))
    give_token(world)
    workflow_id = world.submit(TWO_OUTPUTS, "monte-carlo 1", to(space, "*.dat"))
    assert problems.pause_workflows(world.runtime).workflows == ()

    with world.runtime.session() as session:
        assert scratch_tokens.forget(session, world.caller, "it leaked")
    assert problems.pause_workflows(world.runtime).workflows == (workflow_id,)
    assert the_workflow(world, workflow_id)[0] == "paused"
    told = world.rows.ask("SELECT * FROM events WHERE event_type = 'scratch_access_withdrawn'")
    assert [(row["actor"], row["details"]["message"]) for row in told] == [("alice", "it leaked")]
