"""Prints what Rucio knows of a workflow's outputs: `python -m tests.support.rucio_dump SECRET_FILE SCOPE PREFIX`.

A process of its own, for Rucio's client reads its configuration once, when it is imported.
"""

import json
import sys
from pathlib import Path
from typing import Any

from rucio.client import Client

from localgrid.sites import SERVICE_USER


def dump(client: Any, scope: str, prefix: str) -> dict[str, Any]:
    """Return the datasets whose name begins with a prefix, and the files in them."""
    names = client.list_dids(scope, [{"name": f"{prefix}*"}], did_type="dataset")
    datasets = {name: _dataset(client, scope, name) for name in names}
    files = {name for dataset in datasets.values() for name in dataset["files"]}
    return {"datasets": datasets, "files": _files(client, scope, sorted(files))}


def _dataset(client: Any, scope: str, name: str) -> dict[str, Any]:
    rules = [
        {
            "rse_expression": rule["rse_expression"],
            "copies": rule["copies"],
            "state": rule["state"],
            "lifetime_seconds": (rule["expires_at"] - rule["created_at"]).total_seconds()
            if rule["expires_at"]
            else None,
        }
        for rule in client.list_did_rules(scope, name)
    ]
    files = sorted(file["name"] for file in client.list_files(scope, name))
    return {"open": client.get_did(scope, name)["open"], "files": files, "rules": rules}


def _files(client: Any, scope: str, names: list[str]) -> dict[str, Any]:
    if not names:
        return {}
    dids = [{"scope": scope, "name": name} for name in names]
    return {
        file["name"]: {
            "size_bytes": file["bytes"],
            "adler32": file["adler32"],
            "pfns": {rse: pfns[0] for rse, pfns in file["rses"].items()},
            "states": file["states"],
        }
        for file in client.list_replicas(dids, schemes=["file"])
    }


def main() -> None:
    """Print the dump as JSON."""
    secret_file, scope, prefix = sys.argv[1:]
    creds = {"username": SERVICE_USER, "password": Path(secret_file).read_text().strip()}
    json.dump(dump(Client(account=SERVICE_USER, auth_type="userpass", creds=creds), scope, prefix), sys.stdout)


if __name__ == "__main__":
    main()
