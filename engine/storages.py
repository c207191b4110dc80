"""Storages: what Rucio knows of them, who may use how much, and how fast it answers."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from engine import distances, log_registration, pulses
from engine.errors import ServiceRefused, Unavailable
from engine.ports import AccountUsage, StorageRecord
from engine.runtime import Runtime
from engine.settings import Settings
from models import storages
from models.storages import SeenStorage, SeenUsage

LOG = logging.getLogger(__name__)

WAN: Final = "wan"


@dataclass(frozen=True, slots=True)
class StoragesUpdated:
    """What a cycle learned of storages."""

    storages: int
    ping_seconds: float
    new_storages: int = 0
    retired_storages: tuple[str, ...] = ()
    new_scopes: tuple[str, ...] = ()
    new_distances: int = 0
    new_log_datasets: int = 0

    def __bool__(self) -> bool:
        """Say whether anything was done."""
        return bool(
            self.new_storages or self.retired_storages or self.new_scopes or self.new_distances or self.new_log_datasets
        )


def update_storages(runtime: Runtime) -> StoragesUpdated:
    """Write down what Rucio knows of storages, accounts and scopes, and make the coming datasets for logs.

    Raises `Unavailable` when Rucio does not answer, or is so slow that it is better left alone; what is known then
    stays.
    """
    pulse = pulses.measure(runtime)
    if problem := pulses.why_to_wait(runtime):
        raise Unavailable(problem)
    found = runtime.rucio.storages()
    with runtime.session() as session:
        new = storages.put(session, [_seen(record, runtime.settings) for record in found])
        # A Rucio that lists none has lost them, or is not ours.
        retired = storages.retire_others(session, [record.rse for record in found]) if found else []
        accounts = storages.accounts(session)
    _update_usages(runtime, accounts)
    return StoragesUpdated(
        storages=len(found),
        ping_seconds=round(pulse.seconds, 3),
        new_storages=new,
        retired_storages=tuple(retired),
        new_scopes=tuple(_update_scopes(runtime)),
        new_distances=distances.refresh(runtime),
        new_log_datasets=log_registration.make_datasets(runtime),
    )


def _update_usages(runtime: Runtime, accounts: Sequence[str]) -> None:
    for account in accounts:
        try:
            usages = [_usage(usage) for usage in runtime.rucio.account_usage(account)]
        except ServiceRefused as error:
            LOG.warning("what %s uses and may cannot be told: %s", account, error)
            continue
        with runtime.session() as session:
            storages.put_usages(session, account, usages)


def _update_scopes(runtime: Runtime) -> list[str]:
    owners = runtime.rucio.scope_owners()
    with runtime.session() as session:
        return storages.put_scopes(session, owners)


def _seen(record: StorageRecord, settings: Settings) -> SeenStorage:
    schemes = settings.replicas.schemes
    return SeenStorage(
        name=record.rse,
        country=record.country,
        region=settings.sites.regions.get(record.country, record.region),
        tape=record.tape,
        deterministic=record.deterministic,
        readable=record.readable and _speaks(record.protocols, "read", schemes),
        writable=record.writable and _speaks(record.protocols, "write", schemes),
        used_bytes=record.used_bytes,
        total_bytes=record.total_bytes,
        protocols=record.protocols,
        attributes=record.attributes,
    )


def _speaks(protocols: Mapping[str, Mapping[str, Sequence[str]]], operation: str, schemes: Sequence[str]) -> bool:
    """Say whether jobs anywhere can do something with a storage: in one of the schemes that they know."""
    return not set(schemes).isdisjoint(protocols.get(WAN, {}).get(operation, ()))


def _usage(usage: AccountUsage) -> SeenUsage:
    return SeenUsage(usage.rse, usage.used_bytes, usage.limit_bytes)
