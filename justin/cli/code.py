"""The subcommand that uploads code."""

from pathlib import Path
from typing import Annotated

import typer

from justin.cli.command import Session, command
from justin.code_uploads import UploadLimits


@command("upload-code")
def upload_code(
    session: Session,
    tar_or_folder: Annotated[
        Path, typer.Argument(metavar="TAR_OR_DIR", help="A tar, or a folder whose files are to be seen.")
    ],
    *,
    no_wait: Annotated[bool, typer.Option("--no-wait", help="Do not wait until jobs see it.")] = False,
    timeout_seconds: Annotated[
        float, typer.Option("--timeout-seconds", metavar="SECONDS", min=1, help="Wait no longer than this.")
    ] = 1800.0,
    poll_seconds: Annotated[
        float, typer.Option("--poll-seconds", metavar="SECONDS", min=0.1, help="How often to look.")
    ] = 5.0,
) -> None:
    """Publish a tar, or the files of a folder, where all jobs see them, and print the path there.

    The same content is sent once. What nobody uploads again goes away after some 30 days. With --no-wait the hash is
    printed in the place of a path that there is not yet.
    """
    limits = UploadLimits(0.0 if no_wait else timeout_seconds, poll_seconds)
    found = session.client.upload_code(tar_or_folder, limits, session.screen.note)
    session.screen.say(found.path or found.sha256, found)
