"""Probes: a job for each site, and for each entry with GPUs, tries now and then what can be read and written there."""

import logging
import secrets
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from engine import probe_files, probe_jobs, pulses
from engine.errors import Refused, Unavailable
from engine.job_factory import START_SECONDS
from engine.pool_ports import JobOrder, JobTicket
from engine.runtime import Runtime
from models import demand, leases, probes
from models.demand import JobClass, NewJob
from models.probes import DueProbe, Judged
from wrapper.build import build

LOG = logging.getLogger(__name__)

ACTOR: Final = "probes"
RSS_BYTES: Final = 1 << 30
WALL_SECONDS: Final = 3600
LEASE_SECONDS: Final = 600.0
"""Two cycles at once would send two probes to each place, which does no more harm than that."""


@dataclass(frozen=True, slots=True)
class Probed:
    """What a cycle did."""

    submitted: tuple[str, ...] = ()
    """The sites, and entries with GPUs, that probes are on their way to."""
    changed: tuple[str, ...] = ()
    """Pairs of site and storage that are withheld, or offered again, because time has passed or settings changed."""

    def __bool__(self) -> bool:
        """Say whether anything was done."""
        return bool(self.submitted or self.changed)


def submit_probes(runtime: Runtime) -> Probed:
    """Submit the probes that are due, and forget what old ones found.

    Raises `Unavailable` when the pool or Rucio does not answer, or Rucio is so slow that it is better left alone.
    """
    settings = runtime.settings.probes
    with runtime.session() as session:
        probes.forget(session, settings.keep_seconds)
        changed = tuple(_told(each) for each in probes.judge(session, probe_jobs.rule(settings), ACTOR))
    for each in changed:
        LOG.info("%s", each)
    return Probed(_submit_due(runtime) if settings.enabled else (), changed)


def _submit_due(runtime: Runtime) -> tuple[str, ...]:
    """Submit what is due and return where it goes; nothing while another cycle does."""
    holder = secrets.token_hex(8)
    with runtime.session() as session:
        if not leases.take(session, ACTOR, holder, LEASE_SECONDS):
            return ()
        due = probes.due(session, runtime.settings.probes.every_seconds)
    try:
        return tuple(_submit_all(runtime, due)) if due else ()
    finally:
        with runtime.session() as session:
            leases.release(session, ACTOR, holder)


def _submit_all(runtime: Runtime, due: Sequence[DueProbe]) -> Iterator[str]:
    if problem := pulses.why_to_wait(runtime):
        raise Unavailable(problem)
    tasks = list(_tasks(runtime, due))
    with tempfile.TemporaryDirectory(prefix="justin-wrapper-") as directory:
        wrapper = build(Path(directory) / "justin-wrapper.pyz")
        for place, trials in tasks:
            where = place.gpu_entry or place.site
            try:
                _submit(runtime, place, trials, wrapper)
            except Refused as error:
                # The others can do without it.
                LOG.warning("no probe can be submitted to %s: %s", where, error)
            else:
                yield where


def _tasks(runtime: Runtime, due: Sequence[DueProbe]) -> Iterator[tuple[DueProbe, list[dict[str, Any]]]]:
    """Say what each probe is to try."""
    settings = runtime.settings
    with runtime.session() as session:
        site_ids = sorted({place.site_id for place in due})
        storages = probes.storages(session, site_ids, settings.probes.valid_seconds)
    dids = [probe_files.own_did(settings, secrets.token_hex(8)) for _ in due]
    places = probe_files.look_up(runtime, storages, dids)
    for place, did in zip(due, dids, strict=True):
        near = [storage for storage in storages if storage.site_id == place.site_id]
        yield place, probe_files.trials(near, places, did, probe_files.lasting_did(settings))


def _submit(runtime: Runtime, place: DueProbe, trials: Sequence[dict[str, Any]], wrapper: Path) -> None:
    ticket = JobTicket(secrets.token_hex(32))
    order = _order(runtime, place, ticket, wrapper)
    job_class = JobClass(None, None, order.processors, order.rss_bytes, order.wall_seconds, order.gpus)

    def keep(jobsub_ids: Sequence[str]) -> None:
        """Make the job known before it can ask for work; if we die here, the watch finds it gone."""
        (jobsub_id,) = jobsub_ids
        with runtime.session() as session:
            demand.insert_jobs(session, [NewJob(jobsub_id, ticket.secret, secrets.token_hex(32))], job_class, ACTOR)
            probes.insert(session, jobsub_id, place, trials)

    runtime.pool.submit(order, keep)


def _order(runtime: Runtime, place: DueProbe, ticket: JobTicket, wrapper: Path) -> JobOrder:
    settings = runtime.settings
    return JobOrder(
        tickets=(ticket,),
        wrapper=wrapper,
        configuration={"allocator_url": settings.allocator.url, "instance": settings.instance},
        processors=1,
        rss_bytes=RSS_BYTES,
        wall_seconds=WALL_SECONDS + START_SECONDS,
        gpus=1 if place.gpu_entry else 0,
        accounting_group=settings.probes.accounting_group,
        sites=(place.site,),
        entries=(place.gpu_entry,) if place.gpu_entry else (),
    )


def _told(judged: Judged) -> str:
    kept = [word for word, is_so in (("reading", judged.unreadable), ("writing", judged.unwritable)) if is_so]
    what = f"withheld for {' and '.join(kept)}" if kept else "offered"
    return f"{judged.rse} is {what} at {judged.site}"
