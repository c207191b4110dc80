"""Files put into datasets and taken out of them."""

import json
from typing import Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse, Response

from localgrid.metacat.database import Connection, Database
from localgrid.metacat.errors import BadRequestError, ForbiddenError
from localgrid.metacat.library import MetaValidationError
from localgrid.metacat.lookups import find_dataset, find_files, run_query
from localgrid.metacat.requests import Json, JsonObject, needed
from localgrid.metacat.users import Caller, check_owner

router = APIRouter(prefix="/data")


@router.post("/add_files")
def add_files(database: Database, caller: Caller, wish: JsonObject, dataset: str) -> Response:
    """Add files, listed or found by a query, to a dataset; those in it already stay as they are."""
    target = _open_dataset(database, caller, dataset, wish)
    files = _files(database, wish)
    try:
        with database.transaction() as transaction:
            added = target.add_files(files, transaction=transaction)
    except MetaValidationError as error:
        raise BadRequestError(json.loads(error.as_json())) from error
    return JSONResponse({"files_added": added})


@router.post("/remove_files")
def remove_files(database: Database, caller: Caller, wish: JsonObject) -> Response:
    """Take files, listed or found by a query, out of a dataset."""
    namespace = wish.get("dataset_namespace") or wish.get("namespace")
    target = _open_dataset(database, caller, f"{namespace}:{needed(wish, 'dataset_name')}", wish)
    if target.Monotonic:
        message = "Dataset is monotonic"
        raise ForbiddenError(message)
    files = _files(database, wish)
    with database.transaction() as transaction:
        removed = target.remove_files(files, transaction=transaction)
    target.FileCount = target.nfiles(True)  # noqa: FBT003 - the library's signature
    target.save()
    return JSONResponse({"files_removed": removed})


def _open_dataset(database: Connection, caller: Any, dataset: str, wish: Json) -> Any:
    found = find_dataset(database, dataset, wish.get("namespace"))
    check_owner(database, found.Namespace, caller, "change a dataset")
    if found.Frozen:
        message = "Dataset is frozen"
        raise ForbiddenError(message)
    return found


def _files(database: Connection, wish: Json) -> list[Any]:
    listed, query, namespace = wish.get("file_list"), wish.get("query"), wish.get("namespace")
    if bool(listed) == bool(query):
        message = "Either file list or query must be specified, but not both"
        raise BadRequestError(message)
    if query:
        return list(run_query(database, query, namespace)[1])
    return find_files(database, [{"namespace": namespace, **each} for each in listed or []])
