"""MetaCat, through the unmodified client of the MetaCat distribution."""

import json
import uuid
from collections.abc import Callable
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
from tests.support.metacat import FILES, World, new_file, sign_in


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
