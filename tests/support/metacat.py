"""A small world in MetaCat: a namespace of a run's own, with a dataset of forty files and one made from two of them."""

import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from metacat.webapi import MetaCatClient

from localgrid.grid import Grid

FILES = 40


@dataclass(frozen=True)
class World:
    """A dataset of forty files in a namespace of this run's own."""

    client: Any
    namespace: str
    dataset: str
    fids: list[str]

    def name(self, number: int) -> str:
        return f"np02_{number:04d}.root"

    def did(self, number: int) -> str:
        return f"{self.namespace}:{self.name(number)}"

    def query(self, text: str, **options: Any) -> list[dict[str, Any]]:
        return list(self.client.query(self.fill(text), **options))

    def fill(self, text: str) -> str:
        return text.replace("DS", self.dataset).replace("NS", self.namespace).replace("FID", self.fids[0])


def sign_in(grid: Grid, user: str, directory: Path) -> Any:
    client = MetaCatClient(grid.metacat_url, token_library=str(directory / f"tokens-{user}"))
    client.login_password(user, grid.secret(f"metacat-{user}"))
    return client


def new_file(namespace: str, number: int, **changed: Any) -> dict[str, Any]:
    metadata = {
        "core.run_type": "coldbox" if number % 2 else "other",
        "core.runs": [27000 + number],
        "core.events": number,
        "core.data_tier": "raw",
    }
    name = f"np02_{number:04d}.root"
    checksums = {"adler32": f"{number:08x}"}
    file = {"namespace": namespace, "name": name, "size": 1000 + number, "checksums": checksums, "metadata": metadata}
    return {**file, **changed}


def make_world(client: Any) -> World:
    namespace = f"np02_{uuid.uuid4().hex[:8]}"
    dataset = f"{namespace}:raw"
    client.create_namespace(namespace, description="a test's own")
    client.create_dataset(dataset, metadata={"dune.campaign": "dc4"})
    declared = client.declare_files(dataset, [new_file(namespace, number) for number in range(FILES)])
    world = World(client, namespace, dataset, [file["fid"] for file in declared])
    client.declare_file(
        namespace=namespace,
        name="reco.root",
        dataset_did=dataset,
        size=5,
        metadata={"core.data_tier": "reco"},
        parents=[{"did": world.did(1)}, {"fid": world.fids[0]}],
    )
    client.retire_file(did=world.did(3))
    client.create_dataset(f"{namespace}:upper", metadata={"dune.level": 1})
    client.add_child_dataset(f"{namespace}:upper", dataset)
    return world
