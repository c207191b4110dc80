"""What Rucio says of a storage, in the engine's words."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from engine.adapters.rucio_client import BoundedClient
from engine.ports import AccountUsage, StorageRecord

MEASURED: Final = "storage"
"""The source of a usage that the storage itself has told; `rucio` is what Rucio has counted."""

COUNTED: Final = "rucio"
OPERATIONS: Final = ("read", "write", "delete")


def read(client: BoundedClient) -> Iterator[StorageRecord]:
    """Yield all storages: one call for the list, and three for each, for the server gives these in no other way."""
    for listed in client.list_rses():
        rse = listed["rse"]
        about = {**listed, **client.get_rse(rse)}
        yield _record(about, client.list_rse_attributes(rse), list(client.get_rse_usage(rse)))


def usage(client: BoundedClient, account: str) -> list[AccountUsage]:
    """Return how much an account uses and may at every storage, in two calls."""
    limits = {rse: _limit(limit) for rse, limit in client.get_local_account_limits(account).items()}
    used = {each["rse"]: int(each["bytes"] or 0) for each in client.get_local_account_usage(account)}
    return [AccountUsage(rse, used.get(rse, 0), limits.get(rse)) for rse in sorted({*limits, *used})]


def _limit(limit: float | None) -> int | None:
    """Return a limit in bytes; Rucio says infinity, or -1, for none."""
    return None if limit is None or limit < 0 or limit == float("inf") else int(limit)


def _record(
    about: Mapping[str, Any], attributes: Mapping[str, Any], usages: Iterable[Mapping[str, Any]]
) -> StorageRecord:
    by_source = {each["source"]: each for each in usages}
    measured, counted = by_source.get(MEASURED, {}), by_source.get(COUNTED, {})
    used = measured.get("used") if measured else counted.get("used")
    return StorageRecord(
        rse=about["rse"],
        country=str(attributes.get("country") or about.get("country_name") or ""),
        region=str(attributes.get("region") or about.get("region_code") or ""),
        tape=about.get("rse_type") == "TAPE",
        deterministic=bool(about.get("deterministic")),
        readable=bool(about.get("availability_read")),
        writable=bool(about.get("availability_write")),
        used_bytes=None if used is None else int(used),
        total_bytes=_total(measured),
        attributes={name: value for name, value in attributes.items() if name != about["rse"]},
        protocols=_protocols(about.get("protocols") or []),
    )


def _total(measured: Mapping[str, Any]) -> int | None:
    """Return how much fits; a storage that does not tell what is free has no known end."""
    if measured.get("free") is None:
        return None
    return int(measured["free"]) + int(measured.get("used") or 0)


def _protocols(protocols: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, list[str]]]:
    """Return for each domain and operation the schemes that can do it, the preferred first; 0 means not at all."""
    ranked: dict[str, dict[str, list[tuple[int, str]]]] = {}
    for protocol in protocols:
        for domain, operations in (protocol.get("domains") or {}).items():
            for operation in OPERATIONS:
                if priority := operations.get(operation):
                    ranked.setdefault(domain, {}).setdefault(operation, []).append((priority, protocol["scheme"]))
    return {
        domain: {operation: [scheme for _, scheme in sorted(schemes)] for operation, schemes in operations.items()}
        for domain, operations in ranked.items()
    }
