"""How this job's jobscript is started: in a container or directly, with which environment, and for how long."""

import os
import time
from pathlib import Path
from typing import Any, Dict, List, NamedTuple

from wrapper import container, environment, image, install, web
from wrapper.container import Container
from wrapper.environment import Place
from wrapper.job import Job
from wrapper.jobscript import NotRunnableError, Outcome
from wrapper.slot import Slot
from wrapper.workspace import Workspace, write_private

Json = Dict[str, Any]


class ContainerError(Exception):
    """The container did not come as far as the jobscript."""


class Launch(NamedTuple):
    """Everything that running the jobscript takes."""

    argv: List[bytes]
    environment: Dict[bytes, bytes]
    contained: bool
    wall_seconds: float
    image_digest: str


def prepare(job: Job, work: Json, here: Slot, workspace: Workspace, clock_offset_seconds: float) -> Launch:
    """Write the helper commands and the launcher, and return how to run the jobscript now."""
    contained = bool(work["jobscript_image"] and here.apptainer)
    digest = image.digest(work["jobscript_image"]) if contained else ""
    wall_seconds = min(float(work["requested_wall_seconds"]), here.seconds_left())
    started_at = int(time.time())
    gpus = here.gpus if work["requested_gpus"] else []
    install.install(
        workspace,
        install.Access(
            url=job.allocator_url,
            jobsub_id=job.jobsub_id,
            secret=work["jobscript_secret"],
            ca_path=job.ca_path or web.certificate_directory(),
            clock_offset_seconds=round(clock_offset_seconds),
            timestamp=started_at,
            wall_seconds=int(wall_seconds),
        ),
    )
    place = _place(work, workspace, contained=contained)
    values = environment.contract(job, work, place, gpus, started_at)
    if contained:
        box = Container(
            apptainer=here.apptainer,
            image=work["jobscript_image"],
            binds=container.binds([job.ca_path, place.certificate_directory, *_code_paths(work)]),
            has_gpus=bool(gpus),
        )
        argv = container.command(box, workspace, values)
        # Apptainer keeps what it fetches below HOME; the node's own may not be writable.
        values = dict(environment.outside(os.environ, str(workspace.scratch)), HOME=str(workspace.home.parent))
    else:
        argv = _direct(workspace.home / "justin-jobscript")
        values = dict(environment.outside(os.environ, str(workspace.scratch)), **values)
    words = [word.encode("utf-8") for word in argv]
    return Launch(words, environment.encoded(values), contained, wall_seconds, digest)


def _code_paths(work: Json) -> List[str]:
    return [area["path"] for area in work["code_areas"]]


def _place(work: Json, workspace: Workspace, *, contained: bool) -> Place:
    home = container.HOME if contained else str(workspace.home)
    if work["read_token"]:
        write_private(workspace, "read.token", work["read_token"].encode("ascii"))
    return Place(
        home=home,
        contained=contained,
        certificate_directory=web.certificate_directory(),
        token_file=home + "/.justin/read.token" if work["read_token"] else "",
    )


def _direct(jobscript: Path) -> List[str]:
    """Return the command for a jobscript outside a container; one without an interpreter line is for the shell."""
    with open(str(jobscript), "rb") as file:
        beginning = file.read(4)
    if beginning.startswith(b"#!") or beginning == b"\x7fELF":
        return [str(jobscript)]
    return ["/bin/sh", str(jobscript)]


def check(launch: Launch, workspace: Workspace, outcome: Outcome) -> None:
    """Raise what went wrong when it was not the jobscript that failed."""
    if not launch.contained or outcome.exit == 0 or outcome.timed_out or outcome.stopped:
        return
    if not container.was_started(workspace):
        raise ContainerError("the container exited with {} before the jobscript".format(outcome.exit))
    if container.could_not_run(workspace):
        raise NotRunnableError("the jobscript cannot be run in the container: exit {}".format(outcome.exit))
