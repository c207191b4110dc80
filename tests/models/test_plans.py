"""How PostgreSQL runs the hot statements on a large table: which index, and how many rows it looks at."""

from collections.abc import Iterator
from typing import Any

import pytest

from justin.states import JobState
from models import database, demand, matching
from models.database import Database, Session
from models.statements import Statement, load, raw_connection
from tests.support.makers import key, make_files, make_job, make_site, make_stage

PROCESSED = 50_000
LIMIT = 4

# Like the waiting ones, but done: what a claim must never look at.
_ADD_PROCESSED = """
    INSERT INTO files (workflow_id, stage_id, did, state, placement_id, allocations)
    SELECT workflow_id, stage_id, 'usertests:done-' || n, 'processed', placement_id, 1
    FROM (SELECT workflow_id, stage_id, placement_id FROM files ORDER BY file_id LIMIT 1) AS one,
         generate_series(1, %(count)s) AS n
"""


@pytest.fixture(params=["known", "unknown"])
def large(request: pytest.FixtureRequest, database_url: str) -> Iterator[Database]:
    """A large table, with and without the server knowing how large, reached as the allocator reaches it."""
    opened = database.connect(database_url, steady_plans=True)
    analyze(opened)
    with database.session(opened) as session:
        make_site(session, distances={"NEAR": 0, "FAR": 50} | {f"EMPTY_{n}": 10 for n in range(20)})
        for _ in range(5):
            stage = make_stage(session, max_distance=100)
            make_files(session, stage, 100, storages=["FAR", "EMPTY_1"])
            make_files(session, stage, 100, storages=["NEAR", "FAR"])
        make_job(session, stage, state=JobState.PROCESSING)
        session.flush()
        raw_connection(session).execute(_ADD_PROCESSED, {"count": PROCESSED})
    if request.param == "known":
        analyze(opened)
    yield opened
    opened.close()


def analyze(opened: Database) -> None:
    with opened.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("VACUUM ANALYZE")


def scans(session: Session, statement: Statement, **parameters: object) -> list[dict[str, Any]]:
    """Run a statement with the plan that any parameters would get, and return its scans with the rows they read."""
    connection = raw_connection(session)
    query = b"EXPLAIN (ANALYZE, FORMAT JSON, TIMING OFF) " + statement.query
    row = connection.execute(query, parameters, prepare=True).fetchone()
    assert row
    return list(_scans(row[0][0]["Plan"]))


def _scans(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if "Relation Name" in node and "Scan" in node["Node Type"]:
        yield node
    for child in node.get("Plans", []):
        yield from _scans(child)


def rows_read(found: list[dict[str, Any]], table: str) -> int:
    filtered = "Rows Removed by Filter"
    read = [
        (one["Actual Rows"] + one.get(filtered, 0)) * one["Actual Loops"]
        for one in found
        if one["Relation Name"] == table
    ]
    return int(sum(read))


def indexes(found: list[dict[str, Any]], table: str) -> set[str]:
    return {one.get("Index Name", "none") for one in found if one["Relation Name"] == table and one["Actual Loops"]}


def a_job(session: Session) -> int:
    ((job_id,),) = raw_connection(session).execute("SELECT min(job_id) FROM jobs").fetchall()
    return key(job_id)


def stage_ids(session: Session) -> list[int]:
    return [one for (one,) in raw_connection(session).execute("SELECT stage_id FROM stages").fetchall()]


def test_claim_reads_a_handful_of_rows(large: Database) -> None:
    with database.session(large) as session:
        claim = load("claim_files")
        found = scans(session, claim, job_ids=[a_job(session)], counts=[1], starts=[2**30], taste=1)
    assert indexes(found, "files") <= {"files_waiting", "files_pkey", "files_held"}
    assert rows_read(found, "files") <= 3


def test_many_claims_read_a_handful_of_rows_each(large: Database) -> None:
    with database.session(large) as session:
        stage = make_stage(session)
        make_files(session, stage, 100, storages=["NEAR", "FAR"])
        jobs = [key(make_job(session, stage).job_id) for _ in range(10)]
        claim = load("claim_files")
        found = scans(session, claim, job_ids=jobs, counts=[1] * 10, starts=[n * 10**8 for n in range(10)], taste=1)
    assert rows_read(found, "files") <= 10 * 3


def test_question_whether_something_waits_reads_little(large: Database) -> None:
    with database.session(large) as session:
        found = scans(session, load("waiting_file"), job_id=a_job(session))
    assert indexes(found, "files") == {"files_waiting"}
    assert rows_read(found, "files") <= 3


@pytest.mark.parametrize("reach", [matching.BESIDE, matching.ANYWHERE])
def test_choice_of_stages_reads_two_rows_for_each(large: Database, reach: int) -> None:
    with database.session(large) as session:
        site_id = make_site(session, distances={})
        statement = matching._CHOOSE_STAGE
        parameters = {"site_id": site_id, "quota_id": None, "processors": 1, "rss_bytes": 10**10, "wall_seconds": 9999}
        flags = {
            "has_inner_apptainer": True,
            "lend_gpus": False,
            "reach": reach,
            "spare": True,
            "but": [],
            "limit": LIMIT,
        }
        gpus = {"gpus": 0, "gpu_memory_bytes": 0, "gpu_lowest_capability": 0, "gpu_highest_capability": 0}
        found = scans(session, statement, **parameters, **flags, **gpus, gpu_runtime=0, gpu_names=[])
    assert indexes(found, "files") == {"files_waiting"}
    assert rows_read(found, "files") <= 2 * LIMIT


def test_the_job_factory_reads_what_could_matter(large: Database) -> None:
    """Of 200 waiting files of each of five stages as many as jobs could take; of the processed ones none."""
    with database.session(large) as session:
        parameters = {"most_idle": 10, "files_per_job": 1.0, "recent_jobs": 50}
        found = scans(session, demand._STAGE_DEMAND, **parameters)
        places = scans(session, demand._STAGE_PLACES, stage_ids=[key(one) for one in stage_ids(session)])
    assert indexes(found, "files") == indexes(places, "files") == {"files_waiting"}
    assert rows_read(found, "files") <= 5 * (10 + 2)
    assert rows_read(places, "files") <= 5 * 2
    assert indexes(found, "jobs") <= {"jobs_alive", "jobs_queued", "jobs_ended_of_stage", "jobs_last_started"}
