"""What Rucio knows from the start: accounts, scopes, storages and how far apart they are.

`python -m localgrid.rucio_catalogue DIRECTORY` says it through Rucio's own client, and may be repeated.
"""

import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from rucio.client import Client
from rucio.common.exception import DatabaseException, Duplicate, RSEProtocolNotSupported, RucioException

from localgrid.secret_files import secret_in
from localgrid.sites import READER_USER, RSE_DISTANCES, SCOPES, SERVICE_USER, SITES, Site

ATTEMPTS = 6
UNLIMITED = -1
POSIX = "rucio.rse.protocols.posix.Default"
ONE_GIB_BYTES = 1 << 30
STORAGE_SIZE_BYTES = 1 << 40


def fill(client: Any, directory: Path) -> None:
    """Create what is missing."""
    for name, kind in ((SERVICE_USER, "SERVICE"), (READER_USER, "SERVICE")):
        ensure_account(client, name, kind, secret_in(directory / "secrets" / f"rucio-{name}"))
    if not any(attribute["key"] == "admin" for attribute in attributes(client, SERVICE_USER)):
        client.add_account_attribute(SERVICE_USER, "admin", "True")
    scopes = set(client.list_scopes())
    for scope in SCOPES:
        if scope not in scopes:
            client.add_scope(SERVICE_USER, scope)
    storages = {each["rse"] for each in client.list_rses()}
    for site in SITES:
        ensure_storage(client, site, directory / "storage" / site.rse, known=site.rse in storages)
    ensure_distances(client)


def ensure_account(client: Any, name: str, kind: str, password: str) -> None:
    """Create an account that can sign in with a password."""
    email = f"{name}@localhost"
    if name not in {each["account"] for each in client.list_accounts()}:
        client.add_account(name, kind, email)
    identities = {each["identity"] for each in client.list_identities(name)}
    if name not in identities:
        client.add_identity(name, name, "USERPASS", email, default=True, password=password)


def attributes(client: Any, account: str) -> Iterable[dict[str, Any]]:
    """List the attributes of an account."""
    return [attribute for group in client.list_account_attributes(account) for attribute in group]


def ensure_storage(client: Any, site: Site, directory: Path, *, known: bool) -> None:
    """Create a posix storage below a directory, which everybody may use without limit."""
    directory.mkdir(parents=True, exist_ok=True)
    if not known:
        client.add_rse(site.rse, deterministic=True, volatile=False, rse_type="DISK", country_name=site.country)
    if not has_protocol(client, site.rse):
        client.add_protocol(site.rse, posix_protocol(directory))
    for key, value in {"site": site.name, "greedyDeletion": "True", "istape": "False"}.items():
        client.add_rse_attribute(site.rse, key, value)
    client.set_rse_usage(site.rse, source="storage", used=0, free=STORAGE_SIZE_BYTES)
    client.set_rse_limits(site.rse, "MinFreeSpace", ONE_GIB_BYTES)
    for account in ("root", SERVICE_USER):
        client.set_local_account_limit(account, site.rse, UNLIMITED)


def has_protocol(client: Any, rse: str) -> bool:
    """Say whether a storage can be reached."""
    try:
        return bool(client.get_protocols(rse))
    except RSEProtocolNotSupported:
        return False


def posix_protocol(directory: Path) -> dict[str, Any]:
    """Return a protocol that reads, writes and deletes files of this machine."""
    everything = {"read": 1, "write": 1, "delete": 1}
    copies = {"third_party_copy_read": 1, "third_party_copy_write": 1}
    return {
        "scheme": "file",
        "hostname": "localhost",
        "port": 0,
        "prefix": f"{directory}/",
        "impl": POSIX,
        "extended_attributes": None,
        "domains": {"lan": everything, "wan": {**everything, **copies}},
    }


def ensure_distances(client: Any) -> None:
    """Set the distances between storages, the same both ways."""
    for (one, other), distance in RSE_DISTANCES.items():
        for source, target in ((one, other), (other, one)):
            try:
                client.add_distance(source, target, {"distance": distance})
            except Duplicate:
                client.update_distance(source, target, {"distance": distance})


def main() -> None:
    """Fill the catalogue of the grid in a directory."""
    directory = Path(sys.argv[1])
    creds = {"username": "root", "password": secret_in(directory / "secrets" / "rucio-root")}
    for attempts_left in reversed(range(ATTEMPTS)):
        try:
            fill(Client(account="root", auth_type="userpass", creds=creds), directory)
            break
        except DatabaseException as error:
            # After a restart of PostgreSQL, Rucio learns only by failing that its connections are gone.
            if not attempts_left:
                sys.exit(f"Rucio's database does not answer: {error}")
            time.sleep(1)
        except RucioException as error:
            sys.exit(f"Rucio refuses to be filled: {error}")


if __name__ == "__main__":
    main()
