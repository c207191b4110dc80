"""Tables, users and namespaces that have to be there before the server answers."""

from localgrid.metacat.database import Connection, create_schema
from localgrid.metacat.library import DBNamespace, DBUser
from localgrid.metacat.settings import Settings, User
from localgrid.metacat.users import REALM


def prepare(settings: Settings) -> None:
    """Create what is missing; what is there stays as it is, except for passwords."""
    database = Connection(settings.database_url)
    try:
        create_schema(database)
        for user in settings.users:
            _ensure_user(database, user)
        for name in settings.namespaces:
            _ensure_namespace(database, name, settings.users[0].name)
    finally:
        database.close()


def _ensure_user(database: Connection, wanted: User) -> None:
    found = DBUser.get(database, wanted.name)
    user = found or DBUser(database, wanted.name, wanted.name, f"{wanted.name}@localhost", "", {}, None)
    user.set_password(REALM, wanted.password_file.read_text().strip())
    user.save()


def _ensure_namespace(database: Connection, name: str, owner: str) -> None:
    if not DBNamespace.exists(database, name):
        made = DBNamespace(database, name, owner_user=owner, description="")
        made.Creator = owner
        made.create()
