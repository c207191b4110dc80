"""Subcommands about the server: whom it takes you for, its clock, its version."""

import justin
from justin.cli.command import Session, command
from justin.cli.quantities import utc
from justin.errors import NoConnection


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
