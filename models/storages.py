"""The storages, account limits and scopes that Rucio tells of."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlmodel import select

from models.database import Session
from models.people import Quota
from models.statements import jsonb, load

_PUT_STORAGES = load("put_storages")
_LINK_STORAGES = load("link_storages")
_RETIRE_STORAGES = load("retire_storages")
_PUT_ACCOUNT_USAGES = load("put_account_usages")
_PUT_SCOPES = load("put_scopes")


@dataclass(frozen=True, slots=True)
class SeenStorage:
    """A storage that Rucio knows."""

    name: str
    country: str
    region: str
    tape: bool
    deterministic: bool
    readable: bool
    writable: bool
    used_bytes: int | None
    total_bytes: int | None
    protocols: Mapping[str, Any]
    attributes: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class SeenUsage:
    """How much of a storage an account uses, and may; None without a limit."""

    storage: str
    used_bytes: int
    limit_bytes: int | None


def put(session: Session, storages: Sequence[SeenStorage]) -> int:
    """Write down storages that Rucio knows, and return how many are new."""
    rows = _PUT_STORAGES.run(session, storages=jsonb([asdict(storage) for storage in storages]))
    return sum(new for (new,) in rows)


def link(session: Session) -> None:
    """Put storages beside the sites that Rucio names for them in their attribute `site`."""
    _LINK_STORAGES.run(session)


def retire_others(session: Session, names: Sequence[str]) -> list[str]:
    """Retire the storages that Rucio knew once and that are not among those it knows now; return their names."""
    return sorted(name for (name,) in _RETIRE_STORAGES.run(session, names=list(names)))


def accounts(session: Session) -> list[str]:
    """List the Rucio accounts that quotas stand for."""
    return list(session.exec(select(Quota.name).order_by(Quota.name)))


def put_usages(session: Session, account: str, usages: Sequence[SeenUsage]) -> None:
    """Write down all that an account uses and may."""
    _PUT_ACCOUNT_USAGES.run(
        session,
        quota=account,
        storages=[usage.storage for usage in usages],
        used_bytes=[usage.used_bytes for usage in usages],
        limit_bytes=[usage.limit_bytes for usage in usages],
    )


def put_scopes(session: Session, owners: Mapping[str, str]) -> list[str]:
    """Write down scopes with the accounts that own them, where these are quotas; return those that are new to them."""
    rows = _PUT_SCOPES.run(session, scopes=list(owners), accounts=list(owners.values()))
    return sorted(name for (name,) in rows)
