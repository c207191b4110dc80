"""Categories of metadata: what may stand under a prefix of parameter names."""

from typing import Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse, PlainTextResponse, Response

from localgrid.metacat.database import Connection, Database
from localgrid.metacat.errors import AlreadyExistsError, ForbiddenError, NotFoundError
from localgrid.metacat.library import DBParamCategory
from localgrid.metacat.requests import JsonObject, needed
from localgrid.metacat.users import Caller

router = APIRouter(prefix="/data")

CHANGEABLE = {"restricted": "Restricted", "required": "Required", "description": "Description"}


@router.api_route("/categories", methods=["GET", "POST"])
def categories(database: Database) -> Response:
    """Answer with all categories."""
    return JSONResponse([found.to_jsonable() for found in DBParamCategory.list(database)])


@router.api_route("/category/{path:path}", methods=["GET", "POST"])
def category(database: Database, path: str) -> Response:
    """Answer with a category, null when there is none."""
    found = DBParamCategory.get(database, path)
    return JSONResponse(found.to_jsonable() if found else None)


@router.post("/create_category")
def create_category(database: Database, caller: Caller, wish: JsonObject) -> Response:
    """Create a category that belongs to the caller or to a role."""
    path, owner_role = needed(wish, "path"), wish.get("owner_role")
    if DBParamCategory.exists(database, path):
        message = "Category already exists"
        raise AlreadyExistsError(message)
    made = DBParamCategory(
        database,
        path,
        restricted=bool(wish.get("restricted")),
        required=bool(wish.get("required")),
        owner_user=None if owner_role else caller.Username,
        owner_role=owner_role,
        creator=caller.Username,
        definitions=wish.get("definitions") or {},
        description=wish.get("description") or "",
    )
    made.create()
    return JSONResponse(made.to_jsonable())


@router.post("/update_category")
def update_category(database: Database, caller: Caller, wish: JsonObject) -> Response:
    """Change a category."""
    found = _owned(database, caller, needed(wish, "path"))
    for key, attribute in CHANGEABLE.items():
        if wish.get(key) is not None:
            setattr(found, attribute, wish[key])
    if wish.get("definitions") is not None:
        before = found.Definitions if wish.get("mode", "update") == "update" else {}
        found.Definitions = {**(before or {}), **wish["definitions"]}
    if wish.get("owner_role"):
        found.OwnerUser, found.OwnerRole = None, wish["owner_role"]
    found.save()
    return JSONResponse(found.to_jsonable())


@router.api_route("/remove_category/{path:path}", methods=["GET", "POST"])
def remove_category(database: Database, caller: Caller, path: str) -> Response:
    """Remove a category."""
    _owned(database, caller, path).delete()
    return PlainTextResponse("OK")


def _owned(database: Connection, caller: Any, path: str) -> Any:
    found = DBParamCategory.get(database, path)
    if found is None:
        message = f"Category {path} does not exist"
        raise NotFoundError(message)
    if not caller.is_admin() and not found.owned_by_user(caller):
        message = f"Permission to change category {path} denied"
        raise ForbiddenError(message)
    return found
