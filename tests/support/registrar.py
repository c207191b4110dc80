"""Puts files onto the grid's storages and into both catalogues, as an experiment's own transfers would.

`python -m tests.support.registrar GRID_DIRECTORY DATASET` reads JSON from standard input: a list of files with `path`,
`rse` and `metadata`. A process of its own, for Rucio's client reads its configuration once.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from localgrid.grid import Grid
from localgrid.sites import SERVICE_USER

SCOPE = "tutorial"
ROOT = Path(__file__).resolve().parents[2]
SECONDS = 120


@dataclass(frozen=True)
class Input:
    """A file that lies somewhere and is to be an input."""

    path: str
    rse: str
    metadata: Mapping[str, Any]


def register(grid: Grid, dataset: str, files: Sequence[Input]) -> None:
    """Make files known, all of them in one dataset, and put their bytes where Rucio says."""
    command = [sys.executable, "-m", "tests.support.registrar", str(grid.directory), dataset]
    environment = {"PATH": os.environ["PATH"], "RUCIO_HOME": str(grid.rucio.client_home)}
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=environment,
        input=json.dumps([asdict(file) for file in files]),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def main() -> None:
    """Register what standard input lists."""
    grid, dataset = Grid.read(Path(sys.argv[1])), sys.argv[2]
    files = [Input(**each) for each in json.load(sys.stdin)]
    _into_rucio(grid, dataset, files)
    _into_metacat(grid, dataset, files)


def _into_rucio(grid: Grid, dataset: str, files: list[Input]) -> None:
    from rucio.client import Client

    creds = {"username": SERVICE_USER, "password": grid.secret(f"rucio-{SERVICE_USER}")}
    client = Client(account=SERVICE_USER, auth_type="userpass", creds=creds)
    client.add_dataset(SCOPE, dataset)
    for rse in {file.rse for file in files}:
        here = [file for file in files if file.rse == rse]
        dids = [f"{SCOPE}:{Path(file.path).name}" for file in here]
        pfns = client.lfns2pfns(rse, dids, protocol_domain="wan", operation="write", scheme="file")
        for file, did in zip(here, dids, strict=True):
            target = Path(urlsplit(pfns[did]).path)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file.path, target)
        replicas = [_described(Path(file.path)) for file in here]
        client.add_replicas(rse, replicas)
        client.add_files_to_dataset(SCOPE, dataset, replicas)


def _described(path: Path) -> dict[str, Any]:
    content = path.read_bytes()
    return {"scope": SCOPE, "name": path.name, "bytes": len(content), "adler32": f"{zlib.adler32(content):08x}"}


def _into_metacat(grid: Grid, dataset: str, files: list[Input]) -> None:
    from metacat.webapi import MetaCatClient

    with tempfile.TemporaryDirectory() as folder:
        client = MetaCatClient(grid.metacat_url, token_library=f"{folder}/tokens")
        client.login_password(SERVICE_USER, grid.secret(f"metacat-{SERVICE_USER}"))
        client.create_dataset(f"{SCOPE}:{dataset}")
        described = [(_described(Path(file.path)), file.metadata) for file in files]
        client.declare_files(
            f"{SCOPE}:{dataset}",
            [
                {
                    "namespace": SCOPE,
                    "name": about["name"],
                    "size": about["bytes"],
                    "checksums": {"adler32": about["adler32"]},
                    "metadata": dict(metadata),
                }
                for about, metadata in described
            ],
        )


if __name__ == "__main__":
    main()
