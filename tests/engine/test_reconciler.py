"""Damage planted by hand in real catalogues and on a real storage: found by kind and DID, mended where it may be."""

import threading
import uuid
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
from metacat.webapi import MetaCatClient
from sqlmodel import col, select, update

from engine import completion, dataset_names, reconciler
from engine.adapters.metacat import MetaCat
from engine.adapters.rucio import Rucio
from engine.adapters.rucio_client import BoundedClient
from engine.dataset_names import Pattern
from engine.errors import Unavailable
from engine.integrity_settings import Reconciler
from engine.ports import NewFile
from engine.reconciler import Reconciled
from engine.runtime import Runtime
from engine.settings import Outputs
from justin.schemas.integrity import FindingView
from justin.states import EventType, FileState, FindingKind, Integrity, Source, WorkflowState
from localgrid.grid import Grid
from models import reconciliation
from models.files import File
from models.integrity import IntegrityCheck
from models.moves import Reason
from models.queries import integrity
from models.reconciliation import METACAT, RUCIO
from models.records import Event
from models.workflows import Workflow
from tests.support import books
from tests.support.mortal import Counter, Killed, Mortal
from tests.support.uploads import AT_ONCE, RSE, SCOPE, Uploaded, drain, make_work, upload
from tests.support.waiting import wait_until

OUTPUTS = 12
ALL_BYTES = Reconciler(checksum_share=1, verify_seconds=0)


@dataclass(frozen=True)
class Victim:
    """A workflow whose outputs are registered, and clients with which to damage them."""

    runtime: Runtime
    job: Uploaded
    metacat: MetaCatClient
    rucio: BoundedClient
    parent: str
    grid: Grid

    @property
    def dids(self) -> list[str]:
        return sorted(self.job.outputs)

    @property
    def pattern(self) -> Pattern:
        return Pattern(self.job.workflow_id, 1, 1, "mine")

    @property
    def of_storage(self) -> str:
        return f"{SCOPE}:{dataset_names.of_storage(self.pattern, self.runtime.settings.instance, RSE)}"

    @property
    def destination(self) -> str:
        return f"{SCOPE}:{dataset_names.destination(self.pattern, self.runtime.settings.instance)}"

    @property
    def numbered(self) -> str:
        return f"{SCOPE}:{dataset_names.numbered(self.pattern, self.runtime.settings.instance, 1)}"

    def path(self, did: str) -> Path:
        return Path(urlsplit(self.job.outputs[did]).path)


def name(did: str) -> dict[str, str]:
    scope, _, own = did.partition(":")
    return {"scope": scope, "name": own}


@pytest.fixture
def runtime(grid_runtime: Runtime) -> Runtime:
    """One that may go on at once after an outage, and reads all bytes."""
    grid_runtime.metacat.ensure_namespace(SCOPE)
    changed = {"outputs": AT_ONCE, "reconciler": ALL_BYTES}
    return replace(grid_runtime, settings=grid_runtime.settings.model_copy(update=changed))


@pytest.fixture
def victim(runtime: Runtime, grid: Grid) -> Victim:
    parent = f"{SCOPE}:parent-{uuid.uuid4().hex}"
    runtime.metacat.ensure_dataset(f"{SCOPE}:parents", {})
    runtime.metacat.declare(f"{SCOPE}:parents", [NewFile(parent, 1, "00000001")])
    stage_id, output_id = make_work(runtime, destination="mine", rse_expression="FNAL")
    job = upload(runtime, stage_id, output_id, OUTPUTS, parents=[parent])
    drain(runtime)
    assert isinstance(runtime.metacat, MetaCat)
    assert isinstance(runtime.rucio, Rucio)
    return Victim(runtime, job, runtime.metacat._client, runtime.rucio._clients.get(), parent, grid)


def check(runtime: Runtime, workflow_id: int) -> Reconciled:
    """Have a whole pass over a workflow now."""
    with runtime.session() as session:
        of_workflow = col(IntegrityCheck.workflow_id) == workflow_id
        session.exec(update(IntegrityCheck).where(of_workflow).values(next_check_at=IntegrityCheck.started_at))
        reconciliation.ask(session, workflow_id, Reason("tester", "for the test", source=Source.API))
    return reconciler.reconcile(runtime)


def shown(runtime: Runtime, workflow_id: int) -> tuple[Integrity, list[FindingView]]:
    with runtime.session() as session:
        badge = integrity.of_workflow(session, workflow_id)
        return badge.badge, integrity.findings(session, workflow_id, 100)


def finish(victim: Victim) -> None:
    """End the victim's workflow, as it ends when nothing is left to do."""
    with victim.runtime.session() as session:
        session.get_one(Workflow, victim.job.workflow_id).state = WorkflowState.CANCELLING
    assert completion.complete_workflows(victim.runtime).finished == (victim.job.workflow_id,)


def lose_rule(victim: Victim) -> None:
    """Take away the rule of a dataset, whose files another keeps meanwhile."""
    (rule,) = victim.rucio.list_did_rules(**name(victim.of_storage))
    victim.rucio.add_replication_rule([name(victim.of_storage)], 1, f"{RSE}|{RSE}", account="root")
    # To delete a rule takes Rucio an hour; to let it expire, a cycle.
    victim.rucio.update_replication_rule(rule["id"], {"lifetime": 1})
    wait_until(lambda: len(victim.runtime.rucio.rules(victim.of_storage)) == 1)


def plant_what_is_mended(victim: Victim) -> set[tuple[FindingKind, str, str]]:
    """Damage files, each in another way, and datasets; return what must be found."""
    undeclared, unlisted, outside, plain, unconfirmed, orphan, *_ = victim.dids
    metacat, rucio = victim.runtime.metacat, victim.runtime.rucio
    victim.metacat.delete_file(did=undeclared)
    victim.metacat.remove_files(victim.numbered, file_list=[{"did": unlisted}])
    rucio.detach(victim.destination, [outside])
    about = dict(metacat.files([plain])[plain].metadata)
    kept = {"dune.output_status": "confirmed"}
    victim.metacat.update_file(did=plain, replace=True, metadata=kept, parents=[{"did": victim.parent}])
    metacat.update_metadata([unconfirmed], {"dune.output_status": "recorded"})
    victim.metacat.update_file(did=orphan, replace=True, metadata=about, parents=[])
    lose_rule(victim)
    victim.metacat.remove_dataset(victim.destination)
    rucio.close_dataset(victim.destination)
    victim.metacat.update_dataset(victim.numbered, metadata={}, mode="replace")
    metacat.close_dataset(victim.of_storage)
    return {
        (FindingKind.METACAT_FILE_MISSING, undeclared, METACAT),
        (FindingKind.MEMBER_MISSING, unlisted, METACAT),
        (FindingKind.MEMBER_MISSING, outside, RUCIO),
        (FindingKind.METADATA_LOST, plain, METACAT),
        (FindingKind.STATUS_NOT_CONFIRMED, unconfirmed, METACAT),
        (FindingKind.PARENTS_MISSING, orphan, METACAT),
        (FindingKind.RULE_MISSING, victim.of_storage, RUCIO),
        (FindingKind.DATASET_MISSING, victim.destination, METACAT),
        (FindingKind.DATASET_CLOSED, victim.destination, RUCIO),
        (FindingKind.DATASET_METADATA_LOST, victim.numbered, METACAT),
        (FindingKind.DATASET_CLOSED, victim.of_storage, METACAT),
    }


def plant_what_is_reported(victim: Victim) -> set[tuple[FindingKind, str, str]]:
    """Damage files, each in another way, and datasets; return what must be found."""
    large, odd, retired, shrunk, gone, longer, rotten, *_ = victim.dids
    victim.metacat.update_file(did=large, size=1)
    victim.metacat.update_file(did=odd, checksums={"adler32": "00000001"})
    victim.metacat.retire_file(did=retired)
    # Rucio lets nobody change a size.
    server = victim.grid.rucio
    with psycopg.connect(server.database.url(server.database_name)) as database:
        database.execute("UPDATE dids SET bytes = 1 WHERE name = %s", [name(shrunk)["name"]])
    victim.path(gone).unlink()
    victim.path(longer).write_text("other")
    victim.path(rotten).write_text(rotten[::-1])
    victim.runtime.metacat.attach(victim.destination, [victim.parent])
    victim.rucio.add_replication_rule([name(victim.of_storage)], 1, RSE, account="root")
    return {
        (FindingKind.METACAT_FILE_DIFFERS, large, METACAT),
        (FindingKind.METACAT_FILE_DIFFERS, odd, METACAT),
        (FindingKind.METACAT_FILE_MISSING, retired, METACAT),
        (FindingKind.RUCIO_FILE_DIFFERS, shrunk, RUCIO),
        (FindingKind.BYTES_MISSING, gone, RSE),
        (FindingKind.BYTES_DIFFER, longer, RSE),
        (FindingKind.BYTES_DIFFER, rotten, RSE),
        (FindingKind.FOREIGN_FILE, victim.parent, METACAT),
        (FindingKind.RULE_DOUBLED, victim.of_storage, RUCIO),
    }


def places(findings: list[FindingView]) -> set[tuple[FindingKind, str, str]]:
    return {(each.kind, each.did, each.place) for each in findings}


def test_damage_is_found_mended_and_told_and_then_nothing_is_wrong(victim: Victim) -> None:
    runtime, workflow_id = victim.runtime, victim.job.workflow_id
    assert check(runtime, workflow_id) == Reconciled(workflow_id, "ok", OUTPUTS)
    wanted = plant_what_is_mended(victim)
    assert check(runtime, workflow_id).badge == "repaired"
    badge, findings = shown(runtime, workflow_id)
    # The files of a dataset that is gone are missing from it.
    others = {each for each in places(findings) - wanted if each[0] is not FindingKind.MEMBER_MISSING}
    assert (badge, wanted - places(findings), others) == (Integrity.REPAIRED, set(), set())
    assert all(each.repaired_at for each in findings)
    with runtime.session() as session:
        told = session.exec(select(Event.details).where(Event.event_type == EventType.INTEGRITY_REPAIRED)).all()
    details = [each for each in told if each]
    assert {(each["kind"], each["did"], each["place"]) for each in details} == places(findings)
    assert all(each["from"] and each["to"] for each in details)
    assert check(runtime, workflow_id) == Reconciled(workflow_id, "ok", OUTPUTS)
    assert shown(runtime, workflow_id) == (Integrity.OK, [])


def test_damage_that_people_must_mend_is_found_and_left_as_it_is(victim: Victim) -> None:
    wanted = plant_what_is_reported(victim)
    for _ in range(2):
        report = check(victim.runtime, victim.job.workflow_id)
        badge, findings = shown(victim.runtime, victim.job.workflow_id)
        assert (badge, places(findings)) == (Integrity.DAMAGED, wanted)
        assert (report.badge, report.repaired) == ("damaged", 0)
        assert all(each.remedy and each.repaired_at is None for each in findings)


def test_datasets_of_a_finished_workflow_are_closed_again_whatever_is_mended(victim: Victim) -> None:
    runtime, workflow_id = victim.runtime, victim.job.workflow_id
    finish(victim)
    victim.rucio.set_status(**name(victim.of_storage), open=True)
    victim.metacat.update_dataset(victim.numbered, frozen=False)
    victim.metacat.delete_file(did=victim.dids[0])
    # The first check after the end needs nobody to ask for it.
    assert reconciler.reconcile(runtime).badge == "repaired"
    found = places(shown(runtime, workflow_id)[1])
    assert (FindingKind.METACAT_FILE_MISSING, victim.dids[0], METACAT) in found
    for dataset in (victim.of_storage, victim.destination, victim.numbered):
        for catalogue in (runtime.rucio, runtime.metacat):
            known = catalogue.dataset(dataset)
            assert known is not None
            assert not known.is_open
    assert check(runtime, workflow_id).badge == "ok"


def test_replicas_that_rucio_lost_are_registered_again_once_their_bytes_are_back(victim: Victim) -> None:
    # Their only rule keeps them at one storage.
    job = upload(victim.runtime, *make_work(victim.runtime, destination="mine"), 3)
    drain(victim.runtime)
    losing = replace(victim, job=job)
    lose_replicas(losing)
    *back, gone = losing.dids
    assert not any(losing.path(did).exists() for did in losing.dids)
    for did in back:
        losing.path(did).write_text(did)
    assert check(losing.runtime, job.workflow_id).badge == "damaged"
    found = shown(losing.runtime, job.workflow_id)[1]
    registered = {each.did: each.repaired_at is not None for each in found if each.kind == "rucio_file_missing"}
    assert registered == {**dict.fromkeys(back, True), gone: False}
    assert (FindingKind.BYTES_MISSING, gone, RSE) in places(found)

    losing.path(gone).write_text(gone)
    assert check(losing.runtime, job.workflow_id).badge == "repaired"
    assert check(losing.runtime, job.workflow_id) == Reconciled(job.workflow_id, "ok", len(losing.dids))
    wait_until(lambda: kept(losing) == len(losing.dids))
    dump = books.rucio_dump(losing.grid, SCOPE, name(losing.of_storage)["name"])
    assert {file: known["states"] for file, known in dump["files"].items()} == {
        name(did)["name"]: {RSE: "AVAILABLE"} for did in losing.dids
    }


def lose_replicas(victim: Victim) -> None:
    """Let the rule of the files expire: Rucio deletes them, forgets them, and takes them out of all datasets."""
    wait_until(lambda: kept(victim) == len(victim.dids))
    (rule,) = victim.rucio.list_did_rules(**name(victim.of_storage))
    victim.rucio.update_replication_rule(rule["id"], {"lifetime": 1})
    wait_until(lambda: not victim.runtime.rucio.files(victim.dids), pause_seconds=0.2)


def kept(victim: Victim) -> int:
    """Count the replicas that the rule of the storage's dataset keeps."""
    (rule,) = victim.rucio.list_did_rules(**name(victim.of_storage))
    return int(rule["locks_ok_cnt"])


def test_dropped_outputs_that_the_catalogues_know_are_retired_and_told_of(victim: Victim) -> None:
    runtime, did = victim.runtime, victim.dids[0]
    with runtime.session() as session:
        session.exec(update(File).where(col(File.did) == did).values(state=FileState.DROPPED))
    assert check(runtime, victim.job.workflow_id).badge == "damaged"
    badge, findings = shown(runtime, victim.job.workflow_id)
    dropped = {each.place: each.repaired_at is not None for each in findings if each.kind == "dropped_file_known"}
    assert (badge, dropped) == (Integrity.DAMAGED, {METACAT: True, RUCIO: False})
    assert runtime.metacat.files([did])[did].retired
    assert victim.path(did).exists()


def test_a_catalogue_that_does_not_answer_makes_the_badge_unknown_and_the_check_goes_on_later(victim: Victim) -> None:
    runtime, workflow_id = victim.runtime, victim.job.workflow_id
    calls = 0
    while True:
        counter = Counter(calls + 1, Unavailable("it rains"))
        failing = replace(runtime, rucio=Mortal(runtime.rucio, counter), metacat=Mortal(runtime.metacat, counter))
        if (report := check(failing, workflow_id)).badge:
            break
        with runtime.session() as session:
            view = integrity.of_workflow(session, workflow_id)
        assert (report.problem, view.badge, view.reason) == ("it rains", Integrity.UNKNOWN, "it rains")
        calls += 1
    assert calls > 5
    assert shown(runtime, workflow_id) == (Integrity.OK, [])


def test_a_death_between_repair_and_its_event_is_made_good(victim: Victim) -> None:
    runtime, workflow_id, did = victim.runtime, victim.job.workflow_id, victim.dids[0]
    runtime.metacat.update_metadata([did], {"dune.output_status": "recorded"})

    class Dying(Mortal):
        def update_metadata(self, *args: Any) -> None:
            runtime.metacat.update_metadata(*args)
            raise Killed

    with pytest.raises(Killed):
        check(replace(runtime, metacat=Dying(runtime.metacat, Counter(0, Killed()))), workflow_id)
    assert reconciler.reconcile(runtime) == Reconciled()
    with runtime.session() as session:
        session.exec(update(IntegrityCheck).values(leased_until=IntegrityCheck.started_at))
    assert reconciler.reconcile(runtime).badge == "repaired"
    assert places(shown(runtime, workflow_id)[1]) == {(FindingKind.STATUS_NOT_CONFIRMED, did, METACAT)}


def test_nothing_is_found_while_outputs_are_being_registered(runtime: Runtime) -> None:
    stage_id, output_id = make_work(runtime, destination="mine", rse_expression="FNAL")
    jobs = [upload(runtime, stage_id, output_id, 3) for _ in range(8)]
    runtime = replace(runtime, settings=runtime.settings.model_copy(update={"outputs": Outputs(batch=3)}))
    registering = threading.Thread(target=lambda: drain(runtime))
    registering.start()
    reports = []
    while registering.is_alive():
        reports.append(check(runtime, jobs[0].workflow_id))
    registering.join()
    reports.append(check(runtime, jobs[0].workflow_id))
    assert {(report.badge, report.findings) for report in reports} == {("ok", 0)}
    assert reports[-1].files == 24
