"""Files that are there already: looked up, changed, retired, moved and deleted."""

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse, Response

from localgrid.metacat.database import Connection, Database
from localgrid.metacat.errors import BadRequestError, InvalidMetadataError, NotFoundError
from localgrid.metacat.library import DBFile, DBNamespace
from localgrid.metacat.lookups import find_dataset, find_file, find_files, run_query
from localgrid.metacat.metadata import check_categories, checksum_errors, names_without_category
from localgrid.metacat.requests import AnyJson, Json, JsonObject, needed, yes
from localgrid.metacat.users import Caller, check_owner

router = APIRouter(prefix="/data")


@router.api_route("/file", methods=["GET", "POST"])
def file(
    database: Database,
    namespace: str | None = None,
    name: str | None = None,
    fid: str | None = None,
    with_metadata: str = "yes",
    with_provenance: str = "yes",
    with_datasets: str = "no",
) -> Response:
    """Answer with a file."""
    found = find_file(database, {"namespace": namespace, "name": name, "fid": fid})
    return JSONResponse(
        found.to_jsonable(
            with_metadata=yes(with_metadata),
            with_provenance=yes(with_provenance),
            with_datasets=yes(with_datasets),
        )
    )


@router.post("/files")
def files(database: Database, wanted: AnyJson, with_metadata: str = "no", with_provenance: str = "no") -> Response:
    """Answer with those of the listed files that there are."""
    metadata, provenance = yes(with_metadata), yes(with_provenance)
    found = find_files(database, wanted or [])
    return JSONResponse([each.to_jsonable(with_metadata=metadata, with_provenance=provenance) for each in found])


@router.post("/update_file")
def update_file(database: Database, caller: Caller, wish: JsonObject) -> Response:
    """Change a file's metadata, size, checksums or relatives."""
    found = find_file(database, wish)
    check_owner(database, found.Namespace, caller, "update files")
    add = wish.get("mode", "add-update") == "add-update"
    errors = _change_metadata(database, found, wish, add=add) + _change_checksums(found, wish, add=add)
    if errors:
        raise InvalidMetadataError({"message": "Metadata validation errors", "metadata_errors": errors})
    _relate(database, wish.get("parents"), found.add_parents if add else found.set_parents)
    _relate(database, wish.get("children"), found.add_children if add else found.set_children)
    found.Size = wish.get("size", found.Size or 0)
    found.update(caller)
    return JSONResponse(found.to_jsonable(with_metadata=True, with_provenance=True))


@router.post("/update_file_meta")
def update_file_metadata(database: Database, caller: Caller, wish: JsonObject) -> Response:
    """Change the metadata of several files alike."""
    mode, metadata = needed(wish, "mode"), needed(wish, "metadata")
    if mode not in {"update", "replace"}:
        message = "Invalid mode"
        raise BadRequestError(message)
    check_categories(metadata)
    found = find_files(database, needed(wish, "files"))
    if len(found) < len(wish["files"]):
        message = "Some of the files not found"
        raise NotFoundError(message)
    for namespace in {each.Namespace for each in found}:
        check_owner(database, namespace, caller, "update files")
    for each in found:
        each.Metadata = {**((each.Metadata or {}) if mode == "update" else {}), **metadata}
    DBFile.update_many(database, found)
    answer = [{"name": each.Name, "namespace": each.Namespace, "fid": each.FID, "metadata": each.Metadata}
              for each in found]  # fmt: skip
    return JSONResponse(answer)


@router.post("/retire_file")
def retire_file(database: Database, caller: Caller, wish: JsonObject) -> Response:
    """Retire a file, or take it back."""
    found = find_file(database, wish)
    check_owner(database, found.Namespace, caller, "manage files")
    found.set_retire(needed(wish, "retire"), caller.Username)
    return JSONResponse(found.to_jsonable())


@router.post("/delete_file")
def delete_file(database: Database, caller: Caller, wish: JsonObject) -> Response:
    """Delete a file."""
    found = find_file(database, wish)
    check_owner(database, found.Namespace, caller, "delete files")
    found.delete()
    return JSONResponse({"fid": found.FID})


@router.post("/move_files")
def move_files(database: Database, caller: Caller, wish: JsonObject) -> Response:
    """Move files, listed or found by a query, to another namespace."""
    target, query = needed(wish, "namespace"), wish.get("query")
    check_owner(database, target, caller, "move files")
    moving = list(run_query(database, query)[1]) if query else find_files(database, wish.get("files") or [])
    owned = None
    if not caller.is_admin():
        owned = {each.Name for each in DBNamespace.list(database, owned_by_user=caller.Username)}
    moved, errors = DBFile.move_to_namespace(database, target, moving, authorized_namespaces=owned)
    return JSONResponse({"files_moved": moved, "errors": errors[:100], "nerrors": len(errors)})


def _change_metadata(database: Connection, found: Any, wish: Json, *, add: bool) -> list[Json]:
    if wish.get("metadata") is None:
        return []
    metadata = {**((found.Metadata or {}) if add else {}), **wish["metadata"]}
    errors: list[Json] = [{"name": "", "reason": complaint} for complaint in names_without_category(metadata)]
    for namespace, name in found.datasets:
        errors += find_dataset(database, f"{namespace}:{name}").validate_file_metadata(metadata)
    found.Metadata = metadata
    return errors


def _change_checksums(found: Any, wish: Json, *, add: bool) -> list[Json]:
    if wish.get("checksums") is None:
        return []
    found.Checksums = {**((found.Checksums or {}) if add else {}), **wish["checksums"]}
    return checksum_errors(wish["checksums"])


def _relate(database: Connection, wanted: list[Json] | None, apply: Callable[[list[Any]], object]) -> None:
    if wanted is None:
        return
    relatives = find_files(database, wanted)
    if len(relatives) < len(wanted):
        message = "Some of the parents or children not found"
        raise NotFoundError(message)
    apply(relatives)
