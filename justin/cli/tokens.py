"""Subcommands about the token with which jobs upload to https:// destinations."""

import os
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from justin.cli.command import Session, command
from justin.cli.options import Reason
from justin.cli.quantities import utc
from justin.schemas.specs import ScratchTokenSpec


@command("set-token")
def set_token(
    session: Session,
    file: Annotated[
        Path | None,
        typer.Argument(metavar="[FILE]", help="Holds the token; - for the standard input. Found as by WLCG's rules."),
    ] = None,
    *,
    hours: Annotated[
        float | None,
        typer.Option("--hours", metavar="N", min=0.01, help="How long it is good for, if it does not say so itself."),
    ] = None,
    reason: Reason = "",
) -> None:
    """Give the token with which your jobs upload to https:// destinations.

    Without FILE it is looked for in $BEARER_TOKEN, $BEARER_TOKEN_FILE, $XDG_RUNTIME_DIR/bt_u$UID and /tmp/bt_u$UID.
    """
    expires_at = datetime.now(UTC) + timedelta(hours=hours) if hours else None
    spec = ScratchTokenSpec(token=_read(file) if file else _find(), expires_at=expires_at, reason=reason)
    kept = session.client.set_scratch_token(spec)
    session.screen.say(f"Your token is kept until {utc(kept.expires_at)} UTC.", kept)


@command("show-token")
def show_token(session: Session) -> None:
    """Say until when the token that you have given is good."""
    kept = session.client.scratch_token()
    session.screen.say(f"Your token of {utc(kept.set_at)} UTC is good until {utc(kept.expires_at)} UTC.", kept)


@command("forget-token")
def forget_token(session: Session, reason: Reason = "") -> None:
    """Let the server forget your token."""
    forgotten = session.client.forget_scratch_token(reason)
    session.screen.say("Your token is forgotten." if forgotten else "There was none.", {"forgotten": forgotten})


def _find() -> str:
    """Find the token where programs of the grid look for it (WLCG Bearer Token Discovery)."""
    if os.environ.get("BEARER_TOKEN", "").strip():
        return os.environ["BEARER_TOKEN"].strip()
    for path in _places():
        if path.is_file():
            return _read(path)
    raise typer.BadParameter("there is no token where programs of the grid look for one: name its FILE")


def _places() -> Iterator[Path]:
    name = f"bt_u{os.geteuid()}"
    if os.environ.get("BEARER_TOKEN_FILE"):
        yield Path(os.environ["BEARER_TOKEN_FILE"])
    if os.environ.get("XDG_RUNTIME_DIR"):
        yield Path(os.environ["XDG_RUNTIME_DIR"]) / name
    yield Path("/tmp") / name  # noqa: S108  the place that the rules name


def _read(file: Path) -> str:
    try:
        text = sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise typer.BadParameter(f"no token can be read from {file}: {error}") from error
    return text.strip()
