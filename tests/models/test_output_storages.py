"""Where outputs may go, as the database knows it."""

from models import seed
from models.database import Session
from models.queries.storages import output_storages
from models.workflows import Stage, StageStorage
from tests.support.makers import key, make_output_pattern, make_site, make_stage, make_workflow

NEAR = "MANCHESTER"
FAR = "CERN"


def offered(session: Session, stage: Stage, site_id: int) -> set[str]:
    return {each.name for each in output_storages(session, key(stage.stage_id), site_id)} & {NEAR, FAR}


def confine(session: Session, stage: Stage, storage: str) -> None:
    storage_id = seed.ensure_storage(session, storage)
    session.add(StageStorage(stage_id=key(stage.stage_id), storage_id=storage_id, for_input=True))
    session.flush()


def test_what_is_passed_on_goes_to_where_the_next_stage_reads(session: Session) -> None:
    site_id = make_site(session, distances={NEAR: 0, FAR: 50})
    workflow = make_workflow(session)
    first = make_stage(session, workflow, stage_number=1)
    second = make_stage(session, workflow, stage_number=2)
    make_output_pattern(session, first, for_next_stage=True)
    make_output_pattern(session, second)
    assert offered(session, first, site_id) == {NEAR, FAR}

    confine(session, second, FAR)

    assert offered(session, first, site_id) == {FAR}
    assert offered(session, second, site_id) == {NEAR, FAR}


def test_what_is_not_passed_on_goes_anywhere(session: Session) -> None:
    site_id = make_site(session, distances={NEAR: 0, FAR: 50})
    workflow = make_workflow(session)
    first = make_stage(session, workflow, stage_number=1)
    confine(session, make_stage(session, workflow, stage_number=2), FAR)
    make_output_pattern(session, first)

    assert offered(session, first, site_id) == {NEAR, FAR}
