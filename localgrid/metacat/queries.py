"""MQL queries, and named ones kept for later."""

from typing import Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse, Response
from starlette.requests import Request

from localgrid.metacat.answers import json_sequence
from localgrid.metacat.database import Connection, Database
from localgrid.metacat.errors import AlreadyExistsError, BadRequestError, NotFoundError
from localgrid.metacat.library import DBDataset, DBNamedQuery
from localgrid.metacat.lookups import find_dataset, run_query
from localgrid.metacat.requests import JsonObject, RawBody, needed, split_did, yes
from localgrid.metacat.users import Caller, allowed_caller, check_owner

router = APIRouter(prefix="/data")

SUMMARIES = ("count", "keys")


@router.post("/query")
def query(
    request: Request,
    database: Database,
    body: RawBody,
    namespace: str | None = None,
    with_meta: str = "no",
    with_provenance: str = "no",
    include_retired_files: str = "no",
    add_to: str | None = None,
    save_as: str | None = None,
    summary: str | None = None,
) -> Response:
    """Answer with the files or datasets that a query finds, or with a summary; keep them in a dataset if asked to."""
    text = body.decode(errors="replace")
    if not text.strip():
        return JSONResponse([])
    if summary and summary not in SUMMARIES:
        message = f"Unsupported summary type: {summary}"
        raise BadRequestError(message)
    target = _target(request, database, namespace, add_to, save_as) if add_to or save_as else None
    metadata, provenance = yes(with_meta) or summary == "keys", yes(with_provenance) and not summary
    kind, found = run_query(
        database, text, namespace, kind=None, with_metadata=metadata, with_provenance=provenance,
        retired_too=yes(include_retired_files),
    )  # fmt: skip
    if kind != "file":
        return json_sequence(each.to_jsonable(with_relatives=provenance) for each in found or ())
    if summary:
        return _summary(summary, found)
    if target is not None:
        found = _keep(target, list(found))
    return json_sequence(each.to_jsonable(with_metadata=metadata, with_provenance=provenance) for each in found)


@router.post("/search_queries")
def search_queries(database: Database, body: RawBody) -> Response:
    """Answer with the named queries that a query for queries finds."""
    found = run_query(database, body.decode(errors="replace"), kind="query")[1]
    return JSONResponse([each.to_jsonable() for each in found or ()])


@router.api_route("/named_query", methods=["GET", "POST"])
def named_query(database: Database, namespace: str, name: str) -> Response:
    """Answer with a named query."""
    found = DBNamedQuery.get(database, namespace, name)
    if found is None:
        message = "Query not found"
        raise NotFoundError(message)
    return JSONResponse(found.to_jsonable())


@router.api_route("/named_queries", methods=["GET", "POST"])
def named_queries(database: Database, namespace: str | None = None) -> Response:
    """Answer with the named queries of a namespace, or all of them."""
    return JSONResponse([found.to_jsonable() for found in DBNamedQuery.list(database, namespace)])


@router.post("/create_named_query")
def create_named_query(database: Database, caller: Caller, wish: JsonObject, update: str = "no") -> Response:
    """Keep a query under a name."""
    namespace, name, source = needed(wish, "namespace"), needed(wish, "name"), needed(wish, "source")
    check_owner(database, namespace, caller, "create a query")
    found = DBNamedQuery.get(database, namespace, name)
    if found is not None and not yes(update):
        message = "Query already exists"
        raise AlreadyExistsError(message)
    if found is not None:
        found.Source, found.Parameters = source, wish.get("parameters") or []
        found.save()
        return JSONResponse(found.to_jsonable())
    made = DBNamedQuery(database, namespace, name, source, wish.get("parameters") or [])
    made.Creator = caller.Username
    made.create()
    return JSONResponse(made.to_jsonable())


def _target(
    request: Request, database: Connection, namespace: str | None, add_to: str | None, save_as: str | None
) -> Any:
    """Return the dataset that is to keep the files: an existing one to add to, or a new one."""
    caller = allowed_caller(request, database)
    owner, name = split_did(add_to or save_as or "", namespace)
    check_owner(database, owner, caller, "change a dataset")
    if add_to:
        return find_dataset(database, add_to, namespace)
    if DBDataset.exists(database, owner, name):
        message = f"Dataset {owner}:{name} already exists"
        raise AlreadyExistsError(message)
    return DBDataset(database, owner, name, creator=caller.Username)


def _summary(summary: str, found: Any) -> Response:
    if summary == "keys":
        return JSONResponse(list(found.metadata_keys()))
    count, total_size = found.counts()
    return JSONResponse({"count": count, "total_size": total_size})


def _keep(target: Any, files: list[Any]) -> list[Any]:
    if target.CreatedTimestamp is None:
        target.create()
    target.add_files(files)
    return files
