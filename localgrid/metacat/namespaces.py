"""Namespaces."""

from fastapi import APIRouter
from fastapi.responses import JSONResponse, Response

from localgrid.metacat.database import Database
from localgrid.metacat.errors import AlreadyExistsError, ForbiddenError, NotFoundError
from localgrid.metacat.library import DBNamespace, DBRole
from localgrid.metacat.requests import AnyJson, yes
from localgrid.metacat.users import KnownCaller

router = APIRouter(prefix="/data")


@router.api_route("/namespace", methods=["GET", "POST"])
def namespace(database: Database, name: str) -> Response:
    """Answer with a namespace."""
    found = DBNamespace.get(database, name)
    if found is None:
        message = "Not found"
        raise NotFoundError(message)
    return JSONResponse(found.to_jsonable())


@router.post("/namespaces")
def named_namespaces(database: Database, names: AnyJson) -> Response:
    """Answer with the namespaces of these names that exist."""
    return JSONResponse([found.to_jsonable() for found in DBNamespace.get_many(database, names or [])])


@router.get("/namespaces")
def namespaces(
    database: Database, owner_user: str | None = None, owner_role: str | None = None, directly: str = "no"
) -> Response:
    """Answer with the namespaces of an owner, or all of them."""
    found = DBNamespace.list(database, owned_by_user=owner_user, owned_by_role=owner_role, directly=yes(directly))
    return JSONResponse([each.to_jsonable() for each in sorted(found, key=lambda each: str(each.Name))])


@router.api_route("/create_namespace", methods=["GET", "POST"])
def create_namespace(
    database: Database, caller: KnownCaller, name: str, owner_role: str | None = None, description: str | None = None
) -> Response:
    """Create a namespace that belongs to the caller or to a role of theirs."""
    if owner_role:
        role = DBRole.get(database, owner_role)
        if role is None or (not caller.is_admin() and caller.Username not in role.members):
            message = "Permission denied"
            raise ForbiddenError(message)
    if DBNamespace.exists(database, name):
        message = "Namespace already exists"
        raise AlreadyExistsError(message)
    owner_user = None if owner_role else caller.Username
    made = DBNamespace(database, name, owner_user=owner_user, owner_role=owner_role, description=description)
    made.Creator = caller.Username
    made.create()
    return JSONResponse(DBNamespace.get(database, name).to_jsonable())
