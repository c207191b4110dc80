"""Files and datasets by what a request calls them, and the result of a query."""

from collections.abc import Iterable
from typing import Any

from localgrid.metacat.database import Connection
from localgrid.metacat.errors import BadRequestError, NotFoundError
from localgrid.metacat.library import DBDataset, DBFile, MQLError, MQLQuery
from localgrid.metacat.requests import Json, split_did


def find_dataset(database: Connection, text: str, default_namespace: str | None = None) -> Any:
    """Return a dataset; raises when there is none."""
    namespace, name = split_did(text, default_namespace)
    found = DBDataset.get(database, namespace, name)
    if found is None:
        message = f"Dataset {namespace}:{name} does not exist"
        raise NotFoundError(message)
    return found


def find_file(database: Connection, wanted: Json) -> Any:
    """Return a file by its id, its DID or its namespace and name; raises when there is none."""
    fid = wanted.get("fid")
    if fid:
        found = DBFile.get(database, fid=fid, with_metadata=True)
    else:
        namespace, name = _file_name(wanted)
        found = DBFile.get(database, namespace=namespace, name=name, with_metadata=True)
    if found is None:
        message = "File not found"
        raise NotFoundError(message)
    return found


def find_files(database: Connection, wanted: Iterable[Json]) -> list[Any]:
    """Return those of these files that there are."""
    try:
        return list(DBFile.get_files(database, list(wanted)))
    except ValueError as error:
        raise BadRequestError(str(error)) from error


def run_query(
    database: Connection,
    text: str,
    namespace: str | None = None,
    *,
    kind: str | None = "file",
    with_metadata: bool = False,
    with_provenance: bool = False,
    retired_too: bool = False,
) -> tuple[str, Any]:
    """Run an MQL query and return what kind of things it finds, and them; raises when it is not MQL of that kind."""
    try:
        query = MQLQuery.parse(
            text, db=database, default_namespace=namespace or None, include_retired_files=retired_too
        )
        if kind and query.Type != kind:
            message = f"Invalid {kind} query: {text}"
            raise BadRequestError(message)
        found = query.run(database, filters={}, with_meta=with_metadata, with_provenance=with_provenance)
    except (AssertionError, ValueError, MQLError) as error:
        message = f"{type(error).__name__}: {getattr(error, 'Message', error)}"
        raise BadRequestError(message) from error
    return query.Type, found


def _file_name(wanted: Json) -> tuple[str, str]:
    if wanted.get("did"):
        return split_did(wanted["did"])
    namespace, name = wanted.get("namespace"), wanted.get("name")
    if not namespace or not name:
        message = "A file needs its id, its DID, or its namespace and name"
        raise BadRequestError(message)
    return namespace, name
