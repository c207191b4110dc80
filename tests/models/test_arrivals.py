"""What slots tell of containers is kept with their entry."""

from datetime import timedelta

from sqlmodel import select

from models import arrivals, seed
from models.arrivals import Arrival
from models.database import Session
from models.places import Entry
from tests.support.makers import SITE, make_site

ENTRY = "MAN_ce1"
HOSTNAME = "node1"


def arrive(session: Session, job: str, *, site: str = SITE, has_inner_apptainer: bool) -> None:
    found = arrivals.arrive(session, Arrival(job, site, ENTRY, HOSTNAME, has_inner_apptainer))
    assert found
    assert found.name == site


def learned(session: Session) -> tuple[bool | None, str]:
    session.expire_all()
    entry = session.exec(select(Entry)).one()
    assert (entry.inner_container is None) == (entry.inner_container_at is None)
    return entry.inner_container, entry.inner_container_jobsub_id


def let_an_hour_pass(session: Session) -> None:
    entry = session.exec(select(Entry)).one()
    assert entry.inner_container_at
    entry.inner_container_at -= timedelta(hours=2)
    session.flush()


def test_an_entry_is_unknown_until_a_job_tells(session: Session) -> None:
    seed.ensure_entry(session, ENTRY, make_site(session))
    assert learned(session) == (None, "")
    arrive(session, "1.0@pool", has_inner_apptainer=True)
    assert learned(session) == (True, "1.0@pool")


def test_a_no_counts_at_once_and_a_yes_after_an_hour(session: Session) -> None:
    seed.ensure_entry(session, ENTRY, make_site(session))
    arrive(session, "1.0@pool", has_inner_apptainer=True)
    arrive(session, "2.0@pool", has_inner_apptainer=True)
    assert learned(session) == (True, "1.0@pool")
    arrive(session, "3.0@pool", has_inner_apptainer=False)
    arrive(session, "4.0@pool", has_inner_apptainer=True)
    assert learned(session) == (False, "3.0@pool")
    let_an_hour_pass(session)
    arrive(session, "5.0@pool", has_inner_apptainer=True)
    assert learned(session) == (True, "5.0@pool")


def test_a_slot_elsewhere_tells_nothing_of_the_entry(session: Session) -> None:
    seed.ensure_entry(session, ENTRY, make_site(session))
    make_site(session, "CH_CERN")
    arrive(session, "1.0@pool", site="CH_CERN", has_inner_apptainer=True)
    assert learned(session) == (None, "")


def test_an_unknown_site_is_none(session: Session) -> None:
    assert arrivals.arrive(session, Arrival("1.0@pool", "NO_SUCH", ENTRY, HOSTNAME, has_inner_apptainer=True)) is None
