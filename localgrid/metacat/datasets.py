"""Datasets and what is in them."""

from typing import Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse, PlainTextResponse, Response

from localgrid.metacat.answers import json_sequence
from localgrid.metacat.database import Connection, Database
from localgrid.metacat.errors import AlreadyExistsError, BadRequestError
from localgrid.metacat.library import DBDataset
from localgrid.metacat.lookups import find_dataset, run_query
from localgrid.metacat.metadata import check_categories
from localgrid.metacat.requests import Json, JsonObject, needed, yes
from localgrid.metacat.users import Caller, check_owner

router = APIRouter(prefix="/data")


@router.api_route("/datasets", methods=["GET", "POST"])
def datasets(database: Database) -> Response:
    """Answer with all datasets; the client filters."""
    return JSONResponse([found.to_jsonable() for found in DBDataset.list(database)])


@router.api_route("/dataset", methods=["GET", "POST"])
def dataset(database: Database, dataset: str, exact_file_count: str = "no") -> Response:
    """Answer with a dataset."""
    found = find_dataset(database, dataset)
    return JSONResponse({**found.to_jsonable(), "file_count": found.nfiles(yes(exact_file_count))})


@router.api_route("/dataset_counts", methods=["GET", "POST"])
def dataset_counts(database: Database, dataset: str) -> Response:
    """Answer with how many files and relatives a dataset has."""
    found = find_dataset(database, dataset)
    return JSONResponse(
        {
            "dataset": dataset,
            "file_count": found.nfiles(True),  # noqa: FBT003 - the library's signature
            "parent_count": found.parent_count(),
            "child_count": found.child_count(),
            "superset_count": found.ancestor_count(),
            "subset_count": found.subset_count(),
        }
    )


@router.api_route("/dataset_files", methods=["GET", "POST"])
def dataset_files(
    database: Database, dataset: str, with_metadata: str = "no", include_retired_files: str = "no"
) -> Response:
    """Answer with the files of a dataset."""
    metadata = yes(with_metadata)
    found = find_dataset(database, dataset).list_files(
        with_metadata=metadata, include_retired_files=yes(include_retired_files)
    )
    return json_sequence(file.to_jsonable(with_metadata=metadata) for file in found)


@router.post("/create_dataset")
def create_dataset(database: Database, caller: Caller, wish: JsonObject) -> Response:
    """Create a dataset, with the files that a query finds if there is one."""
    namespace, name = needed(wish, "namespace"), needed(wish, "name")
    check_owner(database, namespace, caller, "create a dataset")
    if DBDataset.get(database, namespace, name) is not None:
        message = "Already exists"
        raise AlreadyExistsError(message)
    check_categories(wish.get("metadata") or {})
    made = _new_dataset(database, caller.Username, wish)
    query, subsets = wish.get("files_query"), wish.get("subsets_query")
    files = list(run_query(database, query, namespace, with_metadata=True)[1]) if query else []
    children = list(run_query(database, subsets, namespace, kind="dataset")[1]) if subsets else []
    with database.transaction() as transaction:
        made.create(transaction=transaction)
        if files:
            made.FileCount = made.add_files(files, transaction=transaction)
    for child in children:
        made.add_child(child)
    return JSONResponse(made.to_jsonable())


@router.post("/update_dataset")
def update_dataset(database: Database, caller: Caller, wish: JsonObject, dataset: str) -> Response:
    """Change the metadata, the description or the flags of a dataset."""
    found = find_dataset(database, dataset)
    check_owner(database, found.Namespace, caller, "update a dataset")
    if wish.get("metadata") is not None:
        check_categories(wish["metadata"])
        before = found.Metadata if wish.get("mode", "update") == "update" else {}
        found.Metadata = {**(before or {}), **wish["metadata"]}
    for key, attribute in (("monotonic", "Monotonic"), ("frozen", "Frozen"), ("description", "Description")):
        if wish.get(key) is not None:
            setattr(found, attribute, wish[key])
    found.save(updated_by=caller.Username)
    return JSONResponse(found.to_jsonable())


@router.api_route("/add_child_dataset", methods=["GET", "POST"])
def add_child_dataset(database: Database, caller: Caller, parent: str, child: str) -> Response:
    """Put a dataset below another."""
    upper, lower = find_dataset(database, parent), find_dataset(database, child)
    check_owner(database, upper.Namespace, caller, "change a dataset")
    if upper.did() == lower.did() or any(above.did() == lower.did() for above in upper.ancestors()):
        message = "Circular connection detected"
        raise BadRequestError(message)
    if not any(below.did() == lower.did() for below in upper.children()):
        upper.add_child(lower)
    return PlainTextResponse("OK")


@router.api_route("/remove_dataset/{dataset:path}", methods=["GET", "POST"])
def remove_dataset(database: Database, caller: Caller, dataset: str) -> Response:
    """Remove a dataset, but none of its files."""
    found = find_dataset(database, dataset)
    check_owner(database, found.Namespace, caller, "remove a dataset")
    found.delete()
    return PlainTextResponse("OK")


def _new_dataset(database: Connection, creator: str, wish: Json) -> Any:
    return DBDataset(
        database,
        wish["namespace"],
        wish["name"],
        frozen=wish.get("frozen", False),
        monotonic=wish.get("monotonic", False),
        creator=creator,
        description=wish.get("description") or "",
        metadata=wish.get("metadata") or {},
        file_meta_requirements=wish.get("metadata_requirements") or {},
    )
