"""Probes: where they are due, and which storages are withheld from a site for what they found."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlmodel import select

from justin.states import EventType, JobState, ProbeState
from models import demand, matching, nodes, probes, ranks, seed, watching
from models.database import Session
from models.jobs import Job
from models.matching import ClaimOutcome, Slot
from models.nodes import Patience
from models.places import Distance, ProbeJob, ProbeResult, Site, Storage
from models.probes import DueProbe, Judged, Rule, StorageResult
from models.queries import probes as found_by_probes
from models.queries import why_not
from models.queries.storages import output_storages
from models.records import Event
from tests.support.makers import SITE, STORAGE, key, known_site, make_files, make_job, make_site, make_stage

HOUR = 3600.0
SIX_HOURS, TWO_DAYS = 6 * HOUR, 48 * HOUR
RULE = Rule(withhold=True, failures=2, valid_seconds=TWO_DAYS)


def make_probe(
    session: Session,
    *,
    site: str = SITE,
    gpu_entry: str = "",
    hours_ago: float = 0.0,
    state: JobState = JobState.FINISHED,
    **values: Any,
) -> Job:
    """Make a probe that was submitted so long ago."""
    when = datetime.now(UTC) - timedelta(hours=hours_ago)
    over = {} if state in {JobState.SUBMITTED, JobState.STARTED} else {"finished_at": when}
    row: dict[str, Any] = {"submitted_at": when, "is_probe": True} | over | values
    job = make_job(session, site=site, state=state, **row)
    session.add(ProbeJob(job_id=key(job.job_id), site_id=known_site(session, site), gpu_entry=gpu_entry, trials=[]))
    session.flush()
    return job


def put(
    session: Session,
    read_ok: bool | None,
    write_ok: bool | None = None,
    *,
    site: str = SITE,
    storage: str = STORAGE,
    hours_ago: float = 0.0,
    **probe: Any,
) -> Job:
    """Let a probe have found something, so long ago."""
    job = make_probe(session, site=site, hours_ago=hours_ago, **probe)
    storage_id = seed.ensure_storage(session, storage)
    probes.put_results(
        session, key(job.job_id), [StorageResult(storage_id, read_ok, 0.5, "a" * (not read_ok), write_ok, 1.5, "b")]
    )
    result = session.get_one(ProbeResult, (job.job_id, storage_id))
    result.at -= timedelta(hours=hours_ago)
    session.flush()
    return job


def put_all(session: Session, reads: Sequence[bool | None]) -> None:
    """Let probes have found all this, the last one now, each an hour after the one before."""
    for place, ok in enumerate(reads, 1):
        put(session, ok, hours_ago=len(reads) - place)


def due(session: Session) -> list[tuple[str, str]]:
    return [(place.site, place.gpu_entry) for place in probes.due(session, SIX_HOURS)]


def judge(session: Session, rule: Rule = RULE, site_id: int | None = None) -> list[Judged]:
    return probes.judge(session, rule, "tester", site_id)


def withheld(session: Session) -> tuple[bool, bool]:
    """Say whether the storage is withheld from the site for reading, and for writing."""
    session.expire_all()
    statement = select(Distance).join(Storage).join(Site, Distance.site_id == Site.site_id)  # type: ignore[arg-type]
    pair = session.exec(statement.where(Storage.name == STORAGE, Site.name == SITE)).one()
    return pair.unreadable, pair.unwritable


def withhold(session: Session, **what: bool) -> None:
    pair = session.get_one(Distance, (known_site(session), seed.ensure_storage(session, STORAGE)))
    for name, value in what.items():
        setattr(pair, name, value)
    session.flush()


def events_of(session: Session) -> list[tuple[EventType, str | None]]:
    """Tell what was logged of storages, in order, with the operation where there is one."""
    found = session.exec(select(Event).where(Event.storage_id != None).order_by(Event.event_id))  # type: ignore[arg-type]  # noqa: E711
    return [(event.event_type, (event.details or {}).get("operation")) for event in found]


# Where they are due


@pytest.mark.parametrize(
    ("last", "is_due"),
    [
        (None, True),
        ({"hours_ago": 5.9}, False),
        ({"hours_ago": 6.1}, True),
        ({"hours_ago": 6.1, "state": JobState.NOTUSED}, True),
        ({"hours_ago": 6.1, "state": JobState.SUBMITTED}, False),
        ({"hours_ago": 6.1, "state": JobState.STARTED}, False),
        ({"hours_ago": 5.9, "state": JobState.STALLED}, False),
    ],
)
def test_a_site_is_probed_when_its_last_probe_was_long_ago(
    session: Session, last: dict[str, Any] | None, is_due: bool
) -> None:
    make_site(session, enabled=False)
    if last:
        make_probe(session, **last)
    assert due(session) == ([(SITE, "")] if is_due else [])


def test_entries_with_gpus_are_probed_too_each_by_itself(session: Session) -> None:
    site_id = make_site(session)
    seed.ensure_entry(session, "CPU", site_id)
    seed.ensure_entry(session, "GPU", site_id, gpus=4)
    seed.ensure_entry(session, "OFF", site_id, gpus=4, enabled=False)
    assert due(session) == [(SITE, ""), (SITE, "GPU")]
    make_probe(session)
    assert due(session) == [(SITE, "GPU")]
    make_probe(session, gpu_entry="GPU")
    assert due(session) == []


def test_where_only_gpu_jobs_start_no_other_probe_is_sent(session: Session) -> None:
    seed.ensure_entry(session, "GPU", make_site(session), gpus=4, gpus_always=True)
    assert due(session) == [(SITE, "GPU")]


def test_a_retired_site_is_left_alone(session: Session) -> None:
    seed.ensure_entry(session, "GPU", make_site(session, retired_at=datetime.now(UTC)), gpus=4)
    assert due(session) == []


def test_what_is_on_disk_and_within_reach_is_tried(session: Session) -> None:
    site_id = make_site(session, distances={"NEAR": 0, "FAR": 100, "NEVER": 101, "TAPE": 0, "GONE": 0, "SHUT": 0})
    seed.ensure_storage(session, "TAPE", tape=True)
    seed.ensure_storage(session, "GONE", retired_at=datetime.now(UTC))
    seed.ensure_storage(session, "SHUT", rucio_read=False, rucio_write=False)
    seed.ensure_storage(session, "FAR", rucio_write=False, enabled_read=False)
    found = {each.rse: each for each in probes.storages(session, [site_id], TWO_DAYS)}
    assert found.keys() == {"NEAR", "FAR", seed.MONTE_CARLO_STORAGE}
    assert (found["FAR"].readable, found["FAR"].writable) == (True, False)


def test_a_storage_that_no_site_reads_is_told_from_one_that_some_cannot(session: Session) -> None:
    make_site(session)
    site_id = make_site(session, "CH_CERN", distances={STORAGE: 50, "FRESH": 0})
    put(session, False, True)
    found = {each.rse: each for each in probes.storages(session, [site_id], TWO_DAYS)}
    assert (found[STORAGE].any_read, found[STORAGE].any_write) == (False, True)
    assert (found["FRESH"].any_read, found["FRESH"].any_write) == (None, None)
    put(session, True, None, site="CH_CERN")
    found = {each.rse: each for each in probes.storages(session, [site_id], TWO_DAYS)}
    assert found[STORAGE].any_read is True


# The rule


@pytest.mark.parametrize(
    ("reads", "is_withheld"),
    [
        ([], False),
        ([False], False),
        ([False, False], True),
        ([True, False, False], True),
        ([False, True, False], False),
        ([False, False, True], False),
        ([False, None, False], True),
        ([None, None], False),
    ],
)
def test_the_last_probes_must_all_have_failed(session: Session, reads: list[bool | None], is_withheld: bool) -> None:
    make_site(session)
    put_all(session, reads)
    judge(session)
    assert withheld(session) == (is_withheld, False)


@pytest.mark.parametrize(("failures", "is_withheld"), [(1, True), (3, True), (4, False)])
def test_how_many_is_a_setting(session: Session, failures: int, is_withheld: bool) -> None:
    make_site(session)
    put_all(session, [False] * 3)
    judge(session, Rule(withhold=True, failures=failures, valid_seconds=TWO_DAYS))
    assert withheld(session) == (is_withheld, False)


def test_reading_and_writing_are_judged_each_by_itself(session: Session) -> None:
    make_site(session)
    put(session, True, False, hours_ago=1)
    put(session, True, False)
    (judged,) = judge(session)
    assert judged == Judged(SITE, STORAGE, unreadable=False, unwritable=True)
    assert withheld(session) == (False, True)


@pytest.mark.parametrize(("hours_ago", "is_withheld"), [(47.9, True), (48.1, False)])
def test_what_was_found_too_long_ago_does_not_count(session: Session, hours_ago: float, is_withheld: bool) -> None:
    make_site(session)
    put(session, False, hours_ago=hours_ago)
    put(session, False)
    judge(session)
    assert withheld(session) == (is_withheld, False)


def test_probes_of_entries_with_gpus_count_with_the_others(session: Session) -> None:
    make_site(session)
    put(session, False, hours_ago=1)
    put(session, False, gpu_entry="GPU")
    judge(session)
    assert withheld(session) == (True, False)


def test_what_one_site_cannot_read_others_may(session: Session) -> None:
    make_site(session)
    other = make_site(session, "CH_CERN", distances={STORAGE: 50})
    put_all(session, [False, False])
    assert judge(session, site_id=other) == []
    assert [each.site for each in judge(session)] == [SITE]


def test_without_the_rule_everything_is_offered_again(session: Session) -> None:
    make_site(session)
    put_all(session, [False, False])
    judge(session)
    assert judge(session) == [], "nothing has changed"
    off = Rule(withhold=False, failures=2, valid_seconds=TWO_DAYS)
    assert judge(session, off) == [Judged(SITE, STORAGE, unreadable=False, unwritable=False)]
    offered = [(EventType.STORAGE_WITHHELD, "read"), (EventType.STORAGE_OFFERED, "read")]
    assert events_of(session)[1:] == offered


def test_events_tell_of_changes_only(session: Session) -> None:
    make_site(session)
    for read, write in ((True, True), (True, True), (False, True), (False, None), (None, False), (True, True)):
        put(session, read, write)
    assert [event for event, _ in events_of(session)] == [
        EventType.PROBE_READ_OK,
        EventType.PROBE_WRITE_OK,
        EventType.PROBE_READ_FAILED,
        EventType.PROBE_WRITE_FAILED,
        EventType.PROBE_READ_OK,
        EventType.PROBE_WRITE_OK,
    ]


def test_results_that_come_twice_count_once(session: Session) -> None:
    make_site(session)
    job = put(session, False)
    again = StorageResult(seed.ensure_storage(session, STORAGE), read_ok=True, read_seconds=1.0)
    probes.put_results(session, key(job.job_id), [again])
    assert [result.read_ok for result in session.exec(select(ProbeResult))] == [False]
    assert [event for event, _ in events_of(session)] == [EventType.PROBE_READ_FAILED]


# What follows


def test_a_storage_that_cannot_be_read_gives_a_site_no_files(session: Session) -> None:
    make_site(session)
    stage = make_stage(session)
    make_files(session, stage, 2)
    job = make_job(session, stage)
    slot = Slot(known_site(session), "node", 8, 1 << 36, 86_400)

    withhold(session, unreadable=True)
    assert matching.claim_files(session, key(job.job_id)).outcome is ClaimOutcome.NONE_LEFT
    assert matching.waiting_file(session, key(job.job_id)) is None
    assert matching.choose_stages(session, slot, None) == []
    assert [(one.waiting_files, one.files_wait) for one in demand.stage_demands(session, 10)] == [(0, True)]
    assert ranks.near_stages(session, SITE, 10) == []
    assert [pair.unmet for pair in why_not.pairs(session, key(stage.stage_id))] == [["probes_can_read"]]

    withhold(session, unreadable=False, unwritable=True)
    assert [choice.stage_id for choice in matching.choose_stages(session, slot, None)] == [stage.stage_id]
    assert [each.stage_id for each in demand.stage_demands(session, 10)] == [stage.stage_id]
    assert len(ranks.near_stages(session, SITE, 10)) == 1
    assert [pair.unmet for pair in why_not.pairs(session, key(stage.stage_id))] == [[]]
    assert matching.claim_files(session, key(job.job_id)).outcome is ClaimOutcome.GIVEN


def test_a_storage_that_cannot_be_written_is_offered_no_outputs(session: Session) -> None:
    site_id = make_site(session, distances={STORAGE: 0, "OTHER": 10})
    other = make_site(session, "CH_CERN", distances={STORAGE: 90})
    stage = key(make_stage(session).stage_id)

    withhold(session, unwritable=True)
    assert {each.name for each in output_storages(session, stage, site_id)} == {"OTHER"}
    assert {each.name for each in output_storages(session, stage, other)} == {STORAGE, "OTHER"}
    withhold(session, unwritable=False, unreadable=True)
    assert {each.name for each in output_storages(session, stage, site_id)} == {STORAGE, "OTHER"}


def test_probes_are_neither_surplus_nor_evidence_against_their_node(session: Session) -> None:
    make_probe(session, hours_ago=9, state=JobState.SUBMITTED)
    for _ in range(6):
        make_probe(session, state=JobState.ABORTED, started_at=datetime.now(UTC))
    assert watching.surplus_jobs(session) == []
    patience = Patience(failed_jobs=5, fast_seconds=120, window_seconds=3600, avoid_seconds=1800)
    assert nodes.avoid_nodes(session, patience, "tester") == []


# The matrix


@pytest.mark.parametrize(
    ("read", "write", "state"),
    [
        (True, True, ProbeState.BOTH),
        (True, False, ProbeState.READ_ONLY),
        (True, None, ProbeState.READ_ONLY),
        (False, True, ProbeState.WRITE_ONLY),
        (None, True, ProbeState.WRITE_ONLY),
        (False, False, ProbeState.NONE),
        (False, None, ProbeState.NONE),
    ],
)
def test_the_matrix_tells_what_the_newest_probe_could_do(
    session: Session, read: bool | None, write: bool | None, state: ProbeState
) -> None:
    make_site(session)
    put(session, True, True, hours_ago=6)
    job = put(session, read, write)
    (found,) = found_by_probes.matrix(session, TWO_DAYS)
    assert (found.site, found.gpu_entry, found.storage, found.distance) == (SITE, "", STORAGE, 0)
    assert (found.state, found.read_ok, found.write_ok, found.jobsub_id) == (state, read, write, job.jobsub_id)


@pytest.mark.parametrize(("hours_ago", "state"), [(47.9, ProbeState.BOTH), (48.1, ProbeState.NO_RESULT)])
def test_old_results_are_none(session: Session, hours_ago: float, state: ProbeState) -> None:
    make_site(session)
    put(session, True, True, hours_ago=hours_ago)
    (found,) = found_by_probes.matrix(session, TWO_DAYS)
    assert found.state is state
    assert (found.at is None) == (state is ProbeState.NO_RESULT)


def test_the_matrix_has_a_line_for_each_entry_with_gpus_that_was_probed(session: Session) -> None:
    make_site(session, distances={STORAGE: 0, "OTHER": 10, "NEVER": 101})
    make_site(session, "CH_CERN", distances={})
    put(session, True, True)
    put(session, False, False, gpu_entry="GPU")
    found = found_by_probes.matrix(session, TWO_DAYS)
    assert [(each.gpu_entry, each.storage, each.state) for each in found] == [
        ("", STORAGE, ProbeState.BOTH),
        ("", "OTHER", ProbeState.NO_RESULT),
        ("GPU", STORAGE, ProbeState.NONE),
        ("GPU", "OTHER", ProbeState.NO_RESULT),
    ]
    assert [each.storage for each in found_by_probes.matrix(session, TWO_DAYS, rse="OTHER")] == ["OTHER"] * 2
    assert found_by_probes.matrix(session, TWO_DAYS, site="CH_CERN") == []


def test_what_is_old_is_forgotten(session: Session) -> None:
    make_site(session)
    put(session, True, hours_ago=49)
    kept = put(session, True, hours_ago=47)
    make_probe(session, hours_ago=49, state=JobState.SUBMITTED)
    probes.forget(session, TWO_DAYS)
    session.expire_all()
    assert [result.job_id for result in session.exec(select(ProbeResult))] == [kept.job_id]
    assert len(session.exec(select(ProbeJob)).all()) == 2


def test_a_place_that_is_due_has_all_that_a_job_needs(session: Session) -> None:
    site_id = make_site(session)
    assert probes.due(session, SIX_HOURS) == [DueProbe(site_id, SITE, "")]
