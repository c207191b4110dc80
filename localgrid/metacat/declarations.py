"""New files: everything about a batch is checked before any of it is declared."""

import time
import uuid
from dataclasses import dataclass, field
from typing import Any

import psycopg2
from fastapi import APIRouter
from fastapi.responses import JSONResponse, Response

from localgrid.metacat.database import Connection, Database
from localgrid.metacat.errors import (
    AlreadyExistsError,
    BadRequestError,
    InvalidMetadataError,
    NotFoundError,
    ServerError,
)
from localgrid.metacat.library import DBFile, DBParamCategory
from localgrid.metacat.lookups import find_dataset, find_files
from localgrid.metacat.metadata import checksum_errors, names_without_category
from localgrid.metacat.requests import AnyJson, Json, split_did, yes
from localgrid.metacat.users import Caller, check_owner

router = APIRouter(prefix="/data")

ParentName = tuple[str, str]


@dataclass
class Batch:
    """The files of one request, and what is wrong with them."""

    database: Connection
    caller: Any
    dataset: Any
    namespace: str | None
    files: list[Any] = field(default_factory=list)
    errors: list[Json] = field(default_factory=list)
    refusals: dict[str, str | None] = field(default_factory=dict)

    def complain(self, index: int, message: str, details: list[Json] | None = None, fid: str | None = None) -> None:
        """Note what is wrong with a file."""
        more = {"metadata_errors": details} if details else {}
        self.errors.append({"index": index, "fid": fid, "message": message, **more})

    def refusal(self, namespace: str) -> str | None:
        """Say why the caller may not declare files in a namespace, None when they may."""
        if namespace not in self.refusals:
            try:
                check_owner(self.database, namespace, self.caller, "declare files")
                self.refusals[namespace] = None
            except ServerError as error:
                self.refusals[namespace] = str(error)
        return self.refusals[namespace]


@router.post("/declare_files")
def declare_files(
    database: Database,
    caller: Caller,
    wishes: AnyJson,
    dataset: str,
    namespace: str | None = None,
    dry_run: str = "no",
) -> Response:
    """Declare files and put them into a dataset: all of them, or none."""
    if not isinstance(wishes, list) or not wishes:
        message = "Empty file list"
        raise BadRequestError(message)
    try:
        target = find_dataset(database, dataset, namespace)
    except NotFoundError as error:
        raise BadRequestError(error.body) from error
    check_owner(database, target.Namespace, caller, f"add files to dataset {target.did()}")
    batch = Batch(database, caller, target, namespace)
    _check(batch, wishes)
    if yes(dry_run):
        names = [{"name": each.Name, "namespace": each.Namespace, "fid": each.FID} for each in batch.files]
        return JSONResponse(names, status_code=202)
    return JSONResponse([each.to_jsonable(with_metadata=True) for each in _create(batch)])


def _check(batch: Batch, wishes: list[Json]) -> None:
    metadata = [wish.get("metadata") or {} for wish in wishes]
    for index, details in DBParamCategory.validate_metadata_bulk(batch.database, metadata) or ():
        batch.complain(index, "Metadata category validation errors", details)
    for index, wish in enumerate(wishes):
        _check_file(batch, index, wish)
    _find_parents(batch)
    if batch.errors:
        raise InvalidMetadataError({"message": "Invalid file data", "metadata_errors": batch.errors})


def _check_file(batch: Batch, index: int, wish: Json) -> None:
    """Check one file, and make it ready to be declared if it is complete."""
    namespace, name, fid = wish.get("namespace") or batch.namespace, wish.get("name"), wish.get("fid")
    if not name and wish.get("did"):
        namespace, name = split_did(wish["did"], namespace)
    if wish.get("size") is None:
        batch.complain(index, "Missing file size", fid=fid)
    if not namespace:
        batch.complain(index, "Missing namespace", fid=fid)
        return
    if not name and not wish.get("auto_name"):
        batch.complain(index, "Missing name and auto_name", fid=fid)
    refusal = batch.refusal(namespace)
    if refusal:
        batch.complain(index, refusal, fid=fid)
    _check_metadata(batch, index, wish)
    batch.files.append(_new_file(batch, namespace, name, wish))


def _check_metadata(batch: Batch, index: int, wish: Json) -> None:
    metadata, fid = wish.get("metadata") or {}, wish.get("fid")
    for complaint in names_without_category(metadata):
        batch.complain(index, complaint, fid=fid)
    wrong_checksums = checksum_errors(wish.get("checksums"))
    if wrong_checksums:
        batch.complain(index, "Metadata checksum validation errors", wrong_checksums, fid)
    wrong_for_dataset = batch.dataset.validate_file_metadata(metadata)
    if wrong_for_dataset:
        batch.complain(index, "Dataset metadata validation errors", wrong_for_dataset, fid)


def _new_file(batch: Batch, namespace: str, name: str | None, wish: Json) -> Any:
    fid = wish.get("fid") or DBFile.generate_id()
    made = DBFile(
        batch.database,
        namespace=namespace,
        name=name or _generated_name(wish.get("auto_name") or "", fid),
        fid=fid,
        metadata=wish.get("metadata") or {},
        size=wish.get("size"),
        creator=batch.caller.Username,
    )
    made.Checksums = wish.get("checksums")
    made.Parents = [_parent(batch, parent) for parent in wish.get("parents") or []]
    return made


def _generated_name(pattern: str, fid: str) -> str:
    """Fill in the placeholders that MetaCat knows in a pattern for names."""
    milliseconds = int(time.time() * 1000)
    unique = uuid.uuid4().hex
    # Longer placeholders first: some begin like others.
    values = {
        "$clock3": f"{milliseconds % 10**3:03d}",
        "$clock6": f"{milliseconds % 10**6:06d}",
        "$clock9": f"{milliseconds % 10**9:09d}",
        "$clock": str(milliseconds),
        "$uuid16": unique[-16:],
        "$uuid8": unique[-8:],
        "$uuid": unique,
        "$fid": fid,
    }
    for placeholder, value in values.items():
        pattern = pattern.replace(placeholder, value)
    return pattern


def _parent(batch: Batch, parent: str | Json) -> str | ParentName:
    """Return the file id of a parent, or its name where the id is not given."""
    if isinstance(parent, str):
        return parent
    if parent.get("fid"):
        return str(parent["fid"])
    if parent.get("did"):
        return split_did(parent["did"], batch.namespace)
    return parent.get("namespace") or batch.namespace or "", parent.get("name") or ""


def _find_parents(batch: Batch) -> None:
    """Put file ids in the place of the parents' names."""
    names = {parent for made in batch.files for parent in made.Parents if isinstance(parent, tuple)}
    if not names:
        return
    wanted = [{"namespace": namespace, "name": name} for namespace, name in names]
    ids = {(found.Namespace, found.Name): found.FID for found in find_files(batch.database, wanted)}
    for index, made in enumerate(batch.files):
        missing = [parent for parent in made.Parents if isinstance(parent, tuple) and parent not in ids]
        for namespace, name in missing:
            batch.complain(index, f"Can not get file id for parent: {namespace}:{name}", fid=made.FID)
        made.Parents = [ids.get(parent) if isinstance(parent, tuple) else parent for parent in made.Parents]


def _create(batch: Batch) -> list[Any]:
    try:
        with batch.database.transaction() as transaction:
            DBFile.create_many(batch.database, batch.files, batch.caller.Username, transaction=transaction)
            batch.dataset.add_files(batch.files, validate_meta=False, transaction=transaction)
    except psycopg2.IntegrityError as error:
        wanted = [{"namespace": made.Namespace, "name": made.Name} for made in batch.files]
        there = [found.did() for found in find_files(batch.database, wanted)]
        # The client reads the DIDs from these lines.
        lines = ["The following files already exist:", *there] if there else [f"Integrity error: {error}"]
        raise AlreadyExistsError("\n  ".join(lines)) from error
    return batch.files
