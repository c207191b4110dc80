"""Subcommands about the server: whom it takes you for, its clock, its version, its sites and storages."""

import justin
from justin.cli.command import Session, command
from justin.cli.quantities import truth, utc
from justin.cli.tables import Column
from justin.errors import NoConnection
from justin.schemas.views import SiteView, StorageView

_SITE_COLUMNS: list[Column[SiteView]] = [
    Column("Site", lambda each: each.name),
    Column("Country", lambda each: each.country, detail=True),
    Column("Region", lambda each: each.region, detail=True),
    Column("Enabled", lambda each: truth(each.enabled)),
    Column("Why not", lambda each: each.disabled_reason),
    Column("Last seen (UTC)", lambda each: utc(each.last_seen_at), detail=True),
]

_STORAGE_COLUMNS: list[Column[StorageView]] = [
    Column("RSE", lambda each: each.name),
    Column("Site", lambda each: each.site or ""),
    Column("Kind", lambda each: "tape" if each.tape else "disk"),
    Column("Readable", lambda each: truth(each.readable)),
    Column("Writable", lambda each: truth(each.writable)),
    Column("Why not", lambda each: each.disabled_reason),
    Column("Used", lambda each: f"{each.occupancy:.0%}", right=True),
    Column("Last seen (UTC)", lambda each: utc(each.last_seen_at)),
]


@command("whoami")
def whoami(session: Session) -> None:
    """Say whom the server takes you for."""
    identity = session.client.whoami()
    groups = f", in the groups {', '.join(identity.groups)}" if identity.groups else ""
    admin = ", an administrator" if identity.is_admin else ""
    session.screen.say(f"{identity.user}{admin}{groups}", identity)


@command("time")
def time(session: Session) -> None:
    """Say what time it is at the server."""
    now = session.client.time()
    session.screen.say(f"{utc(now.time)} UTC", now)


@command("version")
def version(session: Session) -> None:
    """Say the versions of this command and of the server."""
    client = session.client
    try:
        server = client.time()
    except NoConnection as error:
        session.screen.say(f"client {justin.__version__}", {"client": justin.__version__, "server": None})
        session.screen.note(f"The server's version is not known: {error}")
        return
    instance = f", instance {server.instance}" if server.instance else ""
    session.screen.say(
        f"client {justin.__version__}\nserver {server.version}{instance}, at {client.configuration.url}",
        {"client": justin.__version__, "server": server.version, "instance": server.instance},
    )


@command("show-sites")
def show_sites(session: Session) -> None:
    """List the sites where jobs may run."""
    session.screen.table(_SITE_COLUMNS, session.client.sites())


@command("show-storages")
def show_storages(session: Session) -> None:
    """List the storages that hold files."""
    session.screen.table(_STORAGE_COLUMNS, session.client.storages())
