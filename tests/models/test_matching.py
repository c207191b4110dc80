"""Claims: nearest first, each file to one job, and never "none" while a file that the job could have is free."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text
from sqlmodel import col, select

from justin.states import EventType, FileState, JobState, WorkflowState
from models import database, matching, moves, placements, seed
from models.claims import Claims
from models.database import Database, Session
from models.files import File, Replica
from models.jobs import Job, StageLoad
from models.matching import Claim, ClaimOutcome
from models.moves import Reason
from models.people import Quota, Scope, User
from models.places import Site, Storage
from models.records import Event
from models.workflows import StageStorage, Workflow
from tests.support.makers import key, make_files, make_job, make_site, make_stage

BECAUSE = Reason("tester")

Ask = Callable[[int], Claim]
Way = Callable[[Database], AbstractContextManager[Ask]]


def claim(session: Session, job: Job, count: int = 1) -> Claim:
    return matching.claim_files(session, key(job.job_id), count)


def test_nearest_file_comes_first(session: Session) -> None:
    make_site(session, distances={"NEAR": 10, "NEARER": 0, "FAR": 50, "TOO_FAR": 51})
    stage = make_stage(session, max_distance=50)
    for storage in ("TOO_FAR", "FAR", "NEAR", "NEARER"):
        make_files(session, stage, storages=[storage])
    job = make_job(session, stage)
    claims = [claim(session, job) for _ in range(4)]
    assert [[(file.rse, file.distance) for file in one.files] for one in claims] == [
        [("NEARER", 0)],
        [("NEAR", 10)],
        [("FAR", 50)],
        [],
    ]
    assert claims[-1].outcome == ClaimOutcome.NONE_LEFT


def test_claim_is_written_down(session: Session) -> None:
    stage = make_stage(session)
    (file,) = make_files(session, stage, storages=["MANCHESTER", "FAR"])
    job = make_job(session, stage, entry_name="entry1")
    (given,) = claim(session, job).files
    session.refresh(file)
    assert (given.file_id, given.did, given.rse) == (file.file_id, file.did, "MANCHESTER")
    assert (file.state, file.job_id, file.allocations) == (FileState.ALLOCATED, job.job_id, 1)
    (event,) = session.exec(select(Event).where(Event.file_id == file.file_id)).all()
    assert event.event_type == EventType.FILE_ALLOCATED
    storage = seed.ensure_storage(session, "MANCHESTER")
    told = (event.job_id, event.stage_id, event.site_id, event.entry_name, event.storage_id)
    assert told == (job.job_id, stage.stage_id, job.site_id, "entry1", storage)


def test_address_within_the_site_counts_beside_the_storage_only(session: Session) -> None:
    make_site(session, distances={"HERE": 0, "THERE": 10})
    stage = make_stage(session, max_distance=10)
    for storage in ("HERE", "THERE"):
        (file,) = make_files(session, stage, storages=[storage])
        replica = session.exec(select(Replica).where(Replica.file_id == file.file_id)).one()
        replica.lan_pfn, replica.wan_pfn = f"file:///{storage}", f"root://{storage}"
    job = make_job(session, stage)
    assert [claim(session, job).files[0].pfn for _ in range(2)] == ["file:///HERE", "root://THERE"]


def test_several_files_at_once(session: Session) -> None:
    stage = make_stage(session, max_files_per_job=7)
    make_files(session, stage, 10)
    job = make_job(session, stage)
    assert len(claim(session, job, 5).files) == 5
    assert len(claim(session, job, 5).files) == 2
    assert claim(session, job, 5).outcome == ClaimOutcome.CAP_REACHED


def test_first_ask_is_noted_once(session: Session) -> None:
    stage = make_stage(session)
    make_files(session, stage, 2)
    job = make_job(session, stage)
    other = make_job(session, stage)
    for _ in range(2):
        claim(session, job)
    session.expire_all()
    assert (job.asked_for_files, other.asked_for_files) == (True, False)
    assert session.get_one(StageLoad, stage.stage_id).unasked_jobs == 1


@pytest.mark.parametrize(
    ("table", "change", "outcome"),
    [
        (Workflow, {"state": WorkflowState.PAUSED}, ClaimOutcome.PAUSED),
        (User, {"enabled": False}, ClaimOutcome.DISABLED),
        (Quota, {"enabled": False}, ClaimOutcome.DISABLED),
        (Scope, {"enabled": False}, ClaimOutcome.DISABLED),
        (Site, {"enabled": False}, ClaimOutcome.DISABLED),
        (Storage, {"enabled_read": False}, ClaimOutcome.NONE_LEFT),
        (Storage, {"rucio_read": False}, ClaimOutcome.NONE_LEFT),
        (Job, {"state": JobState.OUTPUTTING}, ClaimOutcome.JOB_ENDED),
        (Job, {"state": JobState.STALLED}, ClaimOutcome.JOB_ENDED),
    ],
)
def test_reason_for_getting_nothing(
    session: Session, table: type[Workflow], change: dict[str, object], outcome: ClaimOutcome
) -> None:
    stage = make_stage(session)
    make_files(session, stage)
    job = make_job(session, stage)
    for row in session.exec(select(table)).all():
        for name, value in change.items():
            setattr(row, name, value)
    assert claim(session, job) == Claim(outcome, (), asked_before=False)


def test_unknown_job_gets_nothing(session: Session) -> None:
    assert matching.claim_files(session, -1).outcome == ClaimOutcome.JOB_ENDED


def test_stage_confined_to_storages_takes_from_no_others(session: Session) -> None:
    make_site(session, distances={"HERE": 0, "THERE": 10})
    stage = make_stage(session, max_distance=10)
    make_files(session, stage, storages=["HERE"])
    make_files(session, stage, storages=["HERE", "THERE"])
    there = seed.ensure_storage(session, "THERE")
    session.add(StageStorage(stage_id=key(stage.stage_id), storage_id=there, for_input=True))
    job = make_job(session, stage)
    claims = [claim(session, job) for _ in range(2)]
    assert [file.rse for one in claims for file in one.files] == ["THERE"]
    assert claims[1].outcome == ClaimOutcome.NONE_LEFT


def test_file_that_failed_elsewhere_comes_before_one_that_failed_here(session: Session) -> None:
    stage = make_stage(session)
    site_id = make_site(session)
    (on_node,) = make_files(session, stage, failed_site_id=site_id, failed_host="node1")
    (at_site,) = make_files(session, stage, failed_site_id=site_id, failed_host="node2")
    (elsewhere,) = make_files(session, stage, failed_site_id=-1, failed_host="node1")
    job = make_job(session, stage, hostname="node1")
    given = [claim(session, job).files[0].file_id for _ in range(3)]
    assert given == [elsewhere.file_id, at_site.file_id, on_node.file_id]


def test_file_on_tape_waits_until_it_is_online(session: Session) -> None:
    make_site(session)
    seed.ensure_storage(session, "MANCHESTER", tape=True)
    stage = make_stage(session)
    (file,) = make_files(session, stage, placement_id=None)
    job = make_job(session, stage)
    assert claim(session, job).outcome == ClaimOutcome.NONE_LEFT
    replica = session.exec(select(Replica).where(Replica.file_id == file.file_id)).one()
    replica.accessible_until = datetime.now(UTC) + timedelta(hours=1)
    session.flush()
    placements.place_files(session, [key(file.file_id)])
    assert claim(session, job).outcome == ClaimOutcome.GIVEN


def test_claim_for_many_jobs_gives_a_file_to_one_of_them(session: Session) -> None:
    stage = make_stage(session)
    make_files(session, stage, 3)
    jobs = [key(make_job(session, stage).job_id) for _ in range(8)]
    given = [file.file_id for one in _claim_for_each(session, jobs) for file in one.files]
    assert len(given) == len(set(given)) > 0
    told = session.exec(select(Event.file_id, Event.job_id).where(Event.event_type == EventType.FILE_ALLOCATED)).all()
    held = session.exec(select(File.file_id, File.job_id).where(File.state == FileState.ALLOCATED)).all()
    assert sorted(told) == sorted(held)
    assert len(told) == len(given)


def _claim_for_each(session: Session, jobs: list[int]) -> list[Claim]:
    return list(matching.claim_for_each(session, dict.fromkeys(jobs, 1)).values())


def test_claim_waits_for_what_others_have_in_hand(fresh_database: Database) -> None:
    with database.session(fresh_database) as session:
        stage = make_stage(session)
        (file,) = make_files(session, stage)
        first, second = (key(make_job(session, stage).job_id) for _ in range(2))
    answered = threading.Event()

    def ask() -> Claim:
        with database.session(fresh_database) as session:
            answer = matching.claim_files(session, second)
        answered.set()
        return answer

    with ThreadPoolExecutor(1) as pool, Session(fresh_database.engine) as holder:
        matching.claim_files(holder, first)
        answer = pool.submit(ask)
        assert not answered.wait(0.5)
        holder.rollback()
        assert [given.file_id for given in answer.result(30).files] == [file.file_id]


def test_claim_hears_none_once_others_have_taken_all(fresh_database: Database) -> None:
    with database.session(fresh_database) as session:
        stage = make_stage(session)
        make_files(session, stage)
        first, second = (key(make_job(session, stage).job_id) for _ in range(2))

    def ask() -> Claim:
        with database.session(fresh_database) as session:
            return matching.claim_files(session, second)

    with ThreadPoolExecutor(1) as pool, Session(fresh_database.engine) as holder:
        matching.claim_files(holder, first)
        answer = pool.submit(ask)
        holder.commit()
        assert answer.result(30).outcome == ClaimOutcome.NONE_LEFT


@contextmanager
def one_by_one(opened: Database) -> Iterator[Ask]:
    def ask(job_id: int) -> Claim:
        with database.single_statements(opened) as session:
            return matching.claim_files(session, job_id)

    yield ask


@contextmanager
def together(opened: Database) -> Iterator[Ask]:
    yield Claims(opened).claim_files


@pytest.mark.parametrize("way", [one_by_one, together])
@pytest.mark.parametrize("storages", [["MANCHESTER"], ["MANCHESTER", "FAR"]])
def test_thousand_claims_at_once_share_a_thousand_files(
    fresh_database: Database, way: Way, storages: list[str]
) -> None:
    with database.session(fresh_database) as session:
        make_site(session, distances={"MANCHESTER": 0, "FAR": 30})
        stage = make_stage(session, max_distance=30)
        files = [file.file_id for file in make_files(session, stage, 1000, storages=storages)]
        jobs = [key(make_job(session, stage).job_id) for _ in range(1000)]
    with way(fresh_database) as ask, ThreadPoolExecutor(32) as pool:
        claims = list(pool.map(ask, jobs))
    assert Counter(one.outcome for one in claims) == {ClaimOutcome.GIVEN: 1000}
    assert Counter(file.file_id for one in claims for file in one.files) == Counter(files)
    with database.session(fresh_database) as session:
        told = select(Event.file_id).where(Event.event_type == EventType.FILE_ALLOCATED)
        assert Counter(session.exec(told).all()) == Counter(files)
        assert session.get_one(StageLoad, stage.stage_id).unasked_jobs == 0


@pytest.mark.parametrize("way", [one_by_one, together])
def test_claims_and_releases_at_once_lose_nothing(fresh_database: Database, way: Way) -> None:
    """Half the jobs give their file back, so that the others must find those too."""
    with database.session(fresh_database) as session:
        stage = make_stage(session)
        make_files(session, stage, 100)
        jobs = [key(make_job(session, stage).job_id) for _ in range(400)]

    def work(ask: Ask, job_id: int) -> None:
        given = [file.file_id for file in ask(job_id).files]
        to = FileState.UNALLOCATED if job_id % 2 else FileState.OUTPUTTING
        with database.session(fresh_database) as session:
            moves.move_files(session, given, to, BECAUSE)

    def states() -> Counter[FileState]:
        with database.session(fresh_database) as session:
            return Counter(FileState(state) for state in session.exec(select(File.state)).all())

    with way(fresh_database) as ask:
        with ThreadPoolExecutor(16) as pool:
            list(pool.map(work, [ask] * len(jobs), jobs))
        left = states()
        assert set(left) <= {FileState.OUTPUTTING, FileState.UNALLOCATED}
        assert left.total() == 100
        with database.session(fresh_database) as session:
            others = [key(make_job(session, stage).job_id) for _ in range(left[FileState.UNALLOCATED] + 1)]
        outcomes = [ask(job_id).outcome for job_id in others]
    assert outcomes == [ClaimOutcome.GIVEN] * left[FileState.UNALLOCATED] + [ClaimOutcome.NONE_LEFT]


def test_claims_outlive_their_connection(fresh_database: Database) -> None:
    with database.session(fresh_database) as session:
        stage = make_stage(session)
        make_files(session, stage, 2)
        first, second = (key(make_job(session, stage).job_id) for _ in range(2))
    with together(fresh_database) as ask:
        assert ask(first).outcome == ClaimOutcome.GIVEN
        with database.session(fresh_database) as session:
            session.execute(
                text(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = "
                    "current_database() AND pid <> pg_backend_pid() AND query LIKE '%claimant%'"
                )
            )
        assert ask(second).outcome == ClaimOutcome.GIVEN


def test_ended_job_gets_no_file_however_the_calls_meet(fresh_database: Database) -> None:
    with database.session(fresh_database) as session:
        stage = make_stage(session)
        make_files(session, stage)
        job_id = key(make_job(session, stage).job_id)

    def ask() -> Claim:
        with database.session(fresh_database) as session:
            return matching.claim_files(session, job_id)

    with ThreadPoolExecutor(1) as pool, Session(fresh_database.engine) as ending:
        moves.move_jobs(ending, [job_id], JobState.STALLED, BECAUSE)
        answer = pool.submit(ask)
        ending.commit()
        assert answer.result(30).outcome == ClaimOutcome.JOB_ENDED
    with database.session(fresh_database) as session:
        assert session.exec(select(File.state).where(col(File.stage_id) == stage.stage_id)).all() == [
            FileState.UNALLOCATED
        ]


# What the planner believes after an ANALYZE of empty tables, which is what a new database has had.
_FORGET_SIZES = """
    UPDATE pg_class SET reltuples = 0
    WHERE relname IN ('files', 'jobs', 'stages')
       OR relname IN (SELECT indexname FROM pg_indexes WHERE tablename = 'files')
"""


@pytest.mark.parametrize("sizes_known", [True, False])
def test_however_the_server_plans_it_each_job_gets_no_more_than_it_asks_for(
    session: Session, sizes_known: bool
) -> None:
    stage = make_stage(session)
    make_files(session, stage, 200)
    jobs = [key(make_job(session, stage).job_id) for _ in range(16)]
    session.flush()
    connection = session.connection()
    connection.execute(text("ANALYZE files"))
    if not sizes_known:
        connection.execute(text(_FORGET_SIZES))
    claims = matching.claim_for_each(session, dict.fromkeys(jobs, 1))
    assert all(len(claim.files) <= 1 for claim in claims.values())
    allocated = session.exec(select(File).where(File.state == FileState.ALLOCATED)).all()
    assert len(allocated) == sum(len(claim.files) for claim in claims.values())
