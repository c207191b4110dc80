"""Nodes that fail job after job are avoided for a while, unless the jobs fail everywhere."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlmodel import select

from justin.states import EventType, JobState
from models import arrivals, database, matching, nodes
from models.arrivals import Arrival, FoundSite
from models.database import Database, Session
from models.matching import ClaimOutcome
from models.nodes import Patience
from models.places import AvoidedNode
from models.records import Event
from models.workflows import Stage
from tests.support.makers import SITE, key, known_site, make_files, make_job, make_stage

PATIENCE = Patience(failed_jobs=5, fast_seconds=120, window_seconds=3600, avoid_seconds=1800)


def make_ends(
    session: Session, stage: Stage, count: int, *, state: JobState = JobState.ABORTED, seconds: float = 10, **job: Any
) -> None:
    """Let jobs end a minute ago, so many seconds after their start."""
    ended = job.pop("finished_at", datetime.now(UTC) - timedelta(minutes=1))
    started = ended - timedelta(seconds=seconds)
    for _ in range(count):
        make_job(session, stage, state=state, started_at=started, finished_at=ended, **({"hostname": "hole"} | job))


def avoid(session: Session, patience: Patience = PATIENCE) -> list[str]:
    return [node.hostname for node in nodes.avoid_nodes(session, patience, "tester")]


@pytest.mark.parametrize(("failed", "avoided"), [(4, []), (5, ["hole"]), (6, ["hole"])])
def test_enough_jobs_must_fail_at_once(session: Session, failed: int, avoided: list[str]) -> None:
    make_ends(session, make_stage(session), failed)
    assert avoid(session) == avoided


@pytest.mark.parametrize(("well", "avoided"), [(4, ["hole"]), (5, []), (6, [])])
def test_most_jobs_of_the_node_must_fail(session: Session, well: int, avoided: list[str]) -> None:
    stage = make_stage(session)
    make_ends(session, stage, 5)
    make_ends(session, stage, well, state=JobState.FINISHED, seconds=600)
    assert avoid(session) == avoided


@pytest.mark.parametrize(
    "job",
    [
        {"seconds": 121},
        {"state": JobState.STALLED},
        {"state": JobState.OUTPUTTING_FAILED},
        {"was_refused": True},
        {"hostname": ""},
        {"finished_at": datetime.now(UTC) - timedelta(hours=2)},
    ],
)
def test_other_ends_blame_no_node(session: Session, job: dict[str, Any]) -> None:
    make_ends(session, make_stage(session), 5, **job)
    assert avoid(session) == []


def test_jobscripts_that_fail_on_one_node_only_blame_it(session: Session) -> None:
    stage = make_stage(session)
    make_ends(session, stage, 5, state=JobState.JOBSCRIPT_ERROR)
    assert avoid(session) == [], "nobody knows how they would do elsewhere"
    make_ends(session, stage, 1, state=JobState.FINISHED, seconds=600, hostname="well")
    assert avoid(session) == ["hole"]


@pytest.mark.parametrize("state", [JobState.ABORTED, JobState.JOBSCRIPT_ERROR])
def test_jobs_that_fail_everywhere_blame_no_node(session: Session, state: JobState) -> None:
    stage = make_stage(session)
    for hostname in ("node1", "node2", "node3"):
        make_ends(session, stage, 5, state=state, hostname=hostname)
    assert avoid(session) == []


def arrived(session: Session, site: str = SITE) -> FoundSite:
    found = arrivals.arrive(session, Arrival("1.0@pool", site, "entry", "hole", has_inner_apptainer=True))
    assert found
    return found


def test_nodes_of_one_name_at_two_sites_are_two(session: Session) -> None:
    stage = make_stage(session)
    make_ends(session, stage, 5)
    make_ends(session, stage, 5, site="CH_CERN", state=JobState.FINISHED, seconds=600)
    (node,) = nodes.avoid_nodes(session, PATIENCE, "tester")
    assert (node.site, node.hostname, node.failed_jobs) == (SITE, "hole", 5)
    assert arrived(session).avoided_until == node.until
    assert arrived(session, "CH_CERN").avoided_until is None


def test_it_is_told_once(session: Session) -> None:
    make_ends(session, make_stage(session), 6)
    assert avoid(session) == ["hole"]
    assert avoid(session) == []
    (event,) = session.exec(select(Event).where(Event.event_type == EventType.NODE_AVOIDED)).all()
    assert (event.actor, event.site_id, event.seconds) == ("tester", known_site(session), 1800)
    assert event.details is not None
    assert (event.details["hostname"], event.details["failed_jobs"]) == ("hole", 6)
    assert event.details["message"] == "6 of the last 6 jobs on hole failed as soon as they had started."


def test_it_ends_by_itself_and_begins_anew(session: Session) -> None:
    stage = make_stage(session)
    make_ends(session, stage, 5)
    assert avoid(session, replace(PATIENCE, avoid_seconds=0)) == ["hole"]
    assert arrived(session).avoided_until is None
    assert avoid(session) == [], "what happened before has been paid for"
    make_ends(session, stage, 5, finished_at=datetime.now(UTC) + timedelta(seconds=1))
    assert avoid(session) == ["hole"]


def test_its_running_jobs_get_no_more_files(session: Session) -> None:
    stage = make_stage(session)
    make_files(session, stage, 2)
    bad, good = (make_job(session, stage, hostname=name) for name in ("hole", "well"))
    until = datetime.now(UTC) + timedelta(hours=1)
    session.add(AvoidedNode(site_id=known_site(session), hostname="hole", until=until, failed_jobs=5))
    session.flush()
    assert matching.claim_files(session, key(bad.job_id)).outcome is ClaimOutcome.AVOIDED
    assert matching.claim_files(session, key(good.job_id)).outcome is ClaimOutcome.GIVEN


def test_of_two_cycles_at_once_one_tells(fresh_database: Database) -> None:
    with database.session(fresh_database) as session:
        make_ends(session, make_stage(session), 5)

    def cycle(_: int) -> list[str]:
        with database.session(fresh_database) as session:
            return avoid(session)

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(cycle, range(8))) == [[]] * 7 + [["hole"]]
