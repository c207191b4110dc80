"""Datasets: told once when they come and when they close, and numbered exactly."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from sqlmodel import col, select

from justin.states import EventType
from models import database, datasets
from models.database import Database, Session
from models.datasets import DatasetKind, NewDataset
from models.records import Event
from models.workflows import Stage
from tests.support.finished_jobs import make_finished_job
from tests.support.makers import make_output_pattern, make_stage


def new_dataset(stage: Stage, name: str = "w1s1p1") -> NewDataset:
    assert stage.stage_id is not None
    return NewDataset("usertests", name, DatasetKind.DESTINATION, stage.workflow_id, stage.stage_id, 1)


def told(session: Session, stage: Stage) -> list[EventType]:
    found = select(Event).where(Event.stage_id == stage.stage_id).order_by(col(Event.event_id))
    return [event.event_type for event in session.exec(found).all()]


def test_dataset_is_remembered_and_closed_once(session: Session) -> None:
    stage = make_stage(session)
    assert datasets.remember(session, new_dataset(stage))
    assert not datasets.remember(session, new_dataset(stage))
    (found,) = datasets.open_of(session, stage.workflow_id)
    assert found.did == "usertests:w1s1p1"
    assert datasets.closed(session, [found.dataset_id]) == [found.dataset_id]
    assert datasets.closed(session, [found.dataset_id]) == []
    assert datasets.open_of(session, stage.workflow_id) == []
    assert told(session, stage) == [EventType.DATASET_CREATED, EventType.DATASET_CLOSED]


def test_open_datasets_of_others_are_not_listed(session: Session) -> None:
    stage, other = make_stage(session), make_stage(session)
    datasets.remember(session, new_dataset(stage))
    assert datasets.open_of(session, other.workflow_id) == []


def test_agents_at_once_remember_a_dataset_once(fresh_database: Database) -> None:
    with database.session(fresh_database) as session:
        stage = make_stage(session)

    def remember(_: int) -> bool:
        with database.session(fresh_database) as session:
            return datasets.remember(session, new_dataset(stage))

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(remember, range(8))) == 1


def test_files_keep_their_numbers(session: Session) -> None:
    stage = make_stage(session)
    job = make_finished_job(session, stage, make_output_pattern(session, stage), outputs=5)
    first = datasets.numbers(session, job.output_ids[:3], size=2)
    assert first == dict(zip(job.output_ids[:3], [1, 1, 2], strict=True))
    assert datasets.numbers(session, job.output_ids, size=2) == first | {job.output_ids[3]: 2, job.output_ids[4]: 3}


def test_kinds_of_output_are_numbered_apart(session: Session) -> None:
    stage = make_stage(session)
    patterns = [make_output_pattern(session, stage, pattern_id=number) for number in (1, 2)]
    files = [file_id for each in patterns for file_id in make_finished_job(session, stage, each).output_ids]
    assert datasets.numbers(session, files, size=1) == dict.fromkeys(files, 1)


def test_agents_at_once_fill_datasets_exactly(fresh_database: Database) -> None:
    with database.session(fresh_database) as session:
        stage = make_stage(session)
        pattern = make_output_pattern(session, stage)
        files = [file for _ in range(10) for file in make_finished_job(session, stage, pattern, outputs=10).output_ids]

    def number(part: int) -> dict[int, int]:
        mine = files[part * 10 : part * 10 + 20]
        with database.session(fresh_database) as session:
            return datasets.numbers(session, mine, size=7)

    with ThreadPoolExecutor(10) as pool:
        given = [pair for answer in pool.map(number, range(10)) for pair in answer.items()]
    assert len(set(given)) == len(files)
    sizes = Counter(dict(given).values())
    assert [sizes[dataset] for dataset in range(1, 16)] == [7] * 14 + [2]
