"""MetaCat, through the unmodified client of the MetaCat distribution."""

import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from metacat.common.auth_client import AuthenticationError
from metacat.webapi import MetaCatClient
from metacat.webapi.webapi import (
    AlreadyExistsError,
    BadRequestError,
    InvalidMetadataError,
    PermissionDeniedError,
    WebAPIError,
)

from localgrid.grid import Grid
from localgrid.metacat.database import loadable_schema
from localgrid.metacat.library import PACKAGED_SCHEMA

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


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("metacat")


@pytest.fixture(scope="module")
def client(grid: Grid, directory: Path) -> Any:
    return sign_in(grid, "justin", directory)


@pytest.fixture(scope="module")
def world(client: Any) -> World:
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


QUERIES: dict[str, int] = {
    "files from DS": FILES,
    "files from DS where core.run_type='coldbox' and core.data_tier='raw'": 19,
    "files from DS where core.run_type='coldbox' limit 10": 10,
    "files from DS where core.events < 5 or core.events > 37": 6,
    "files from DS where !(core.run_type='coldbox')": 21,
    "files from DS where core.events in (10, 11, 99)": 2,
    "files from DS where core.events >= 3 and core.events <= 12": 9,
    "files from DS where core.data_tier='raw' ordered skip 5 limit 10": 10,
    "files from DS ordered limit 2 skip 1": 1,
    "union(files from DS where core.events<5, files from DS where core.events in (10,11))": 6,
    "join(files from DS where core.events<10, files from DS where core.run_type='coldbox')": 4,
    "files from DS where core.events<10 - files from DS where core.run_type='coldbox'": 5,
    "parents(files from DS where core.data_tier='reco')": 2,
    "children(files from DS where core.events=1)": 1,
    "fids FID": 1,
    "files NS:np02_0005.root, NS:np02_0006.root": 2,
    "files from DS where core.runs[any]=27005": 1,
    "files from DS where 27005 in core.runs": 1,
    "files from DS where core.runs[0]=27006": 1,
    "files from DS where name ~ 'np02_000[1-9].root'": 8,
    "files from DS where size > 1030 and created_timestamp > '2020-01-01'": 9,
    "files from DS where core.events present": FILES - 1,
    "files from DS where new.key present": 0,
    "files from NS:nonesuch": 0,
    "datasets matching NS:ra*": 1,
    "datasets matching NS:* having dune.level=1": 1,
    "datasets matching NS:upp?r with subsets": 2,
    "files from datasets matching NS:r% where core.data_tier='reco'": 1,
    "files from datasets matching regexp NS:'r.*' where core.data_tier='reco'": 1,
    "files from NS:upper with subsets recursively where core.data_tier='reco'": 1,
    "files from DS # where core.events = 1": FILES,
}


@pytest.mark.parametrize(("text", "count"), QUERIES.items(), ids=list(QUERIES))
def test_query_finds(world: World, text: str, count: int) -> None:
    assert len(world.query(text)) == count


@pytest.mark.parametrize(
    "text",
    [
        "files frum x",
        "files from DS where events = 1",
        "files from DS where core.x = 'a\"b'",
        "files from NS:*",
    ],
)
def test_query_that_is_no_mql_is_a_bad_request(world: World, text: str) -> None:
    with pytest.raises(BadRequestError):
        world.query(text)


def test_records_hold_what_was_asked_for(world: World) -> None:
    (bare,) = world.query("files from DS where core.events=1")
    (full,) = world.query("files from DS where core.events=1", with_metadata=True, with_provenance=True)
    assert set(bare) >= {"fid", "namespace", "name", "size", "checksums"}
    assert not {"metadata", "parents"} & set(bare)
    assert full["metadata"]["core.runs"] == [27001]
    (reconstructed,) = world.query("files from DS where core.data_tier='reco'")
    assert [child["fid"] for child in full["children"]] == [reconstructed["fid"]]


def test_retired_files_are_found_when_asked_for(world: World) -> None:
    assert len(world.query("files from DS", include_retired_files=True)) == FILES + 1


def test_summaries(world: World) -> None:
    (summary,) = world.query("files from DS where core.data_tier='raw'", summary="count")
    assert summary == {"count": FILES - 1, "total_size": sum(1000 + number for number in range(FILES)) - 1003}
    (keys,) = world.query("files from DS", summary="keys")
    assert "core.run_type" in keys


def test_answers_come_in_batches(world: World) -> None:
    assert len(world.query("files from DS", batch_size=7)) == FILES


def test_query_results_become_datasets(world: World) -> None:
    saved = f"{world.namespace}:saved-{uuid.uuid4().hex[:6]}"
    world.query("files from DS where core.events<4", save_as=saved)
    world.query("files from DS where core.events in (4, 5)", add_to=saved)
    with pytest.raises(AlreadyExistsError):
        world.query("files from DS", save_as=saved)
    assert world.client.get_dataset(saved, exact_file_count=True)["file_count"] == 5


def test_files_are_looked_up_by_name_and_id(world: World) -> None:
    found = world.client.get_file(did=world.did(1), with_datasets=True)
    assert found["checksums"] == {"adler32": "00000001"}
    assert {"namespace": world.namespace, "name": "raw"} in found["datasets"]
    assert len(found["children"]) == 1
    assert world.client.get_file(fid=world.fids[0])["name"] == world.name(0)
    assert world.client.get_file(did=f"{world.namespace}:nothing") is None
    several = [{"did": world.did(0)}, {"fid": world.fids[1]}, {"did": f"{world.namespace}:nothing"}]
    assert len(world.client.get_files(several)) == 2


def test_the_same_names_cannot_be_declared_twice(world: World) -> None:
    new = f"{uuid.uuid4().hex}.root"
    batch = [new_file(world.namespace, 0, name=new), new_file(world.namespace, 0)]
    with pytest.raises(AlreadyExistsError, match=world.did(0)):
        world.client.declare_files(world.dataset, batch)
    # All of a batch or none of it.
    assert world.client.get_file(did=f"{world.namespace}:{new}") is None


def test_declaring_as_required_declares_what_is_missing(world: World) -> None:
    dataset = f"{world.namespace}:{uuid.uuid4().hex}"
    world.client.create_dataset(dataset)
    name = f"{uuid.uuid4().hex}.root"
    batch = [new_file(world.namespace, 2), new_file(world.namespace, 7, name=name)]
    world.client.declare_files(dataset, batch, as_required="update")
    assert world.client.get_file(did=f"{world.namespace}:{name}")["size"] == 1007


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"checksums": {"adler32": "xyz"}}, "wrong length 3"),
        ({"parents": [{"did": "nowhere:nothing"}]}, "Can not get file id for parent"),
        ({"namespace": "justin-unknown"}, "does not exist"),
    ],
)
def test_wrong_files_are_refused_with_the_reason(world: World, change: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidMetadataError, match=message):
        world.client.declare_files(world.dataset, [{**new_file(world.namespace, 0, name=uuid.uuid4().hex), **change}])


def test_dataset_can_require_metadata(world: World) -> None:
    dataset = f"{world.namespace}:{uuid.uuid4().hex}"
    world.client.create_dataset(dataset, metadata_requirements={"core.events": {"required": True, "max": 3}})
    with pytest.raises(InvalidMetadataError, match="out of range"):
        world.client.declare_files(dataset, [new_file(world.namespace, 9, name=uuid.uuid4().hex)])


def test_unknown_dataset_is_a_bad_request(world: World) -> None:
    with pytest.raises(BadRequestError):
        world.client.declare_files(f"{world.namespace}:nothing", [new_file(world.namespace, 0)])


def test_names_are_generated(world: World) -> None:
    made = world.client.declare_file(
        namespace=world.namespace, auto_name="auto_$uuid8.root", dataset_did=f"{world.namespace}:upper", size=1
    )
    name = made[0]["name"] if isinstance(made, list) else made["name"]
    assert name.startswith("auto_")
    assert "$" not in name


def declared(world: World) -> str:
    name = f"{uuid.uuid4().hex}.root"
    world.client.declare_files(f"{world.namespace}:upper", [new_file(world.namespace, 1, name=name)])
    return f"{world.namespace}:{name}"


def test_files_are_updated(world: World) -> None:
    did = declared(world)
    updated = world.client.update_file(did=did, metadata={"core.events": 999}, size=77, parents=[{"did": world.did(2)}])
    assert (updated["size"], updated["metadata"]["core.events"]) == (77, 999)
    assert updated["metadata"]["core.data_tier"] == "raw"
    world.client.update_file_meta({"dune.output_status": "confirmed"}, dids=[did])
    world.client.update_file_meta({"new.key": 1}, dids=[did])
    assert world.client.get_file(did=did)["metadata"]["dune.output_status"] == "confirmed"
    world.client.update_file_meta({"new.key": 1}, dids=[did], mode="replace")
    assert world.client.get_file(did=did)["metadata"] == {"new.key": 1}
    world.client.delete_file(did=did)
    assert world.client.get_file(did=did) is None


def test_nested_metadata_come_back_as_they_were(world: World) -> None:
    metadata = {"dune.workflow": {"workflow_id": 1, "tags": ["a", None, True], "text": "it's so"}}
    name = uuid.uuid4().hex
    world.client.declare_files(f"{world.namespace}:upper", [new_file(world.namespace, 1, name=name, metadata=metadata)])
    assert world.client.get_file(did=f"{world.namespace}:{name}")["metadata"] == metadata


def test_declared_text_loses_its_backslashes_until_it_is_updated(world: World) -> None:
    # So does the public server: the distribution copies JSON to the database without escaping it.
    metadata = {"dune.city": "Z\u00fcrich"}
    name = uuid.uuid4().hex
    did = f"{world.namespace}:{name}"
    world.client.declare_files(f"{world.namespace}:upper", [new_file(world.namespace, 1, name=name, metadata=metadata)])
    assert world.client.get_file(did=did)["metadata"] == {"dune.city": "Zu00fcrich"}
    world.client.update_file(did=did, metadata=metadata)
    assert world.client.get_file(did=did)["metadata"] == metadata


def test_declared_text_with_quotes_is_a_bad_request(world: World) -> None:
    file = new_file(world.namespace, 1, name=uuid.uuid4().hex, metadata={"dune.city": 'the "best"'})
    with pytest.raises(BadRequestError, match="The database refuses a value"):
        world.client.declare_files(f"{world.namespace}:upper", [file])


def test_datasets_are_filled_emptied_and_frozen(world: World) -> None:
    dataset = f"{world.namespace}:{uuid.uuid4().hex}"
    world.client.create_dataset(dataset, description="one")
    assert world.client.add_files(dataset, file_list=[{"did": world.did(0)}, {"did": world.did(1)}]) == 2
    assert world.client.add_files(dataset, file_list=[{"did": world.did(0)}]) == 0
    assert world.client.add_files(dataset, query=world.fill("files from DS where core.events<3")) == 1
    assert world.client.remove_files(dataset, file_list=[{"did": world.did(0)}]) == 1
    assert len(list(world.client.get_dataset_files(dataset, with_metadata=True))) == 2
    updated = world.client.update_dataset(dataset, metadata={"dune.x": 1}, description="two", frozen=True)
    assert (updated["metadata"], updated["description"], updated["frozen"]) == ({"dune.x": 1}, "two", True)
    with pytest.raises(PermissionDeniedError):
        world.client.add_files(dataset, file_list=[{"did": world.did(5)}])
    world.client.remove_dataset(dataset)
    assert world.client.get_dataset(dataset) is None


@pytest.mark.filterwarnings("ignore:notifyAll:DeprecationWarning")
def test_datasets_and_namespaces_are_listed(world: World) -> None:
    found = {dataset["name"]: dataset for dataset in world.client.list_datasets(world.namespace, "*", with_counts=True)}
    assert found["raw"]["file_count"] == FILES
    assert world.namespace in [each["name"] for each in world.client.list_namespaces("np02_*", owner_user="justin")]
    assert [each["name"] for each in world.client.get_namespaces([world.namespace, "nothing"])] == [world.namespace]
    assert world.client.get_namespace("nothing") is None


def test_what_exists_cannot_be_created_again(world: World) -> None:
    with pytest.raises(AlreadyExistsError):
        world.client.create_namespace(world.namespace)
    with pytest.raises(AlreadyExistsError):
        world.client.create_dataset(world.dataset)


def test_named_queries_are_kept(world: World) -> None:
    world.client.create_named_query(world.namespace, "first", world.fill("files from DS"))
    world.client.create_named_query(world.namespace, "first", world.fill("files from DS limit 1"), update=True)
    assert [query["name"] for query in world.client.list_named_queries(world.namespace)] == ["first"]
    assert len(world.query("files from DS - files selected by NS:first")) == FILES - 1


def test_categories_bound_metadata(world: World) -> None:
    path = f"test_{uuid.uuid4().hex[:8]}"
    world.client.create_category(path, restricted=True, definitions={"level": {"type": "int", "max": 3}})
    assert world.client.get_category(path)["restricted"] is True
    file = new_file(world.namespace, 1, name="x", metadata={f"{path}.level": 4})
    with pytest.raises(InvalidMetadataError, match="out of range"):
        world.client.declare_files(world.dataset, [file])
    world.client.remove_category(path)
    assert world.client.get_category(path) is None


def test_files_move_between_namespaces(world: World, client: Any) -> None:
    other = f"{world.namespace}_other"
    client.create_namespace(other)
    did = declared(world)
    assert client.move_files(other, file_list=[{"did": did}])[0] == 1
    assert client.get_file(did=f"{other}:{did.partition(':')[2]}")


def test_only_owners_change_things(world: World, grid: Grid, directory: Path) -> None:
    reader = sign_in(grid, "justinreadonly", directory)
    refused: list[Callable[[], object]] = [
        lambda: reader.declare_files(world.dataset, [new_file(world.namespace, 1, name="theirs")]),
        lambda: reader.create_dataset(f"{world.namespace}:theirs"),
        lambda: reader.retire_file(did=world.did(5)),
        lambda: reader.update_dataset(world.dataset, metadata={"dune.x": 2}),
    ]
    for act in refused:
        with pytest.raises(PermissionDeniedError):
            act()
    assert len(list(reader.query(f"files from {world.dataset}"))) == FILES


def test_strangers_only_read(world: World, grid: Grid, directory: Path) -> None:
    stranger = MetaCatClient(grid.metacat_url, token_library=str(directory / "no-tokens"))
    assert stranger.get_version()
    assert stranger.get_dataset(world.dataset)["name"] == "raw"
    with pytest.raises(WebAPIError):
        stranger.create_namespace("theirs")
    with pytest.raises(PermissionDeniedError):
        stranger.retire_file(did=world.did(5))
    with pytest.raises(AuthenticationError):
        stranger.login_password("justin", "wrong")


def test_tokens_are_checked(grid: Grid, client: Any, directory: Path) -> None:
    assert client.auth_info()[0] == "justin"
    token = client.token().encode()
    token = token if isinstance(token, str) else token.decode()
    again = MetaCatClient(grid.metacat_url, token_library=str(directory / "more-tokens"))
    assert again.login_token("justin", token)[0] == "justin"
    forged = token[:-4] + ("AAAA" if token[-4:] != "AAAA" else "BBBB")
    answer = httpx.get(f"{grid.metacat_url}/auth/verify", headers={"X-Authentication-Token": forged})
    assert answer.status_code == 401


def test_body_that_is_no_json_is_a_bad_request(grid: Grid, client: Any) -> None:
    headers = {"X-Authentication-Token": client.token().encode()}
    for body in (b"{", b"[]", b'"text"'):
        url = f"{grid.metacat_url}/data/create_dataset"
        assert httpx.post(url, content=body, headers=headers).status_code == 400
    missing = httpx.post(f"{grid.metacat_url}/data/create_dataset", content=json.dumps({}), headers=headers)
    assert (missing.status_code, missing.text) == (400, "'namespace' is missing")


def test_server_is_healthy(grid: Grid) -> None:
    assert httpx.get(f"{grid.metacat_url}/health").text == "OK"


def test_packaged_schema_is_made_loadable() -> None:
    schema = loadable_schema(PACKAGED_SCHEMA)
    assert "grant" not in schema.lower()
    assert schema.lower().count("create table") == PACKAGED_SCHEMA.lower().count("create table")
