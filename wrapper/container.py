"""How a jobscript is started in Apptainer, with an environment that arrives unchanged."""

import os
from typing import Dict, Iterable, List, Mapping, NamedTuple

from wrapper.workspace import Workspace, write_private

HOME = "/home"
READ_ONLY_IN_SHELLS = {"BASHOPTS", "BASH_VERSINFO", "EUID", "PPID", "SHELLOPTS", "UID"}
STARTED = "started"
NOT_RUN = "not-run"

# Apptainer's own ways to set variables go through two shells that lose newlines and expand `$()`; a script of
# single-quoted words loses nothing. Shells differ in what they do after an exec that failed, so the interpreter is
# looked for before.
LAUNCHER = """\
#!/bin/sh
cd {home}/workspace || exit 1
: > {home}/.justin/{started}
IFS= read -r line < {home}/justin-jobscript
set -f
case $line in
    '#!'*)
        set -- ${{line#??}}
        if [ ! -x "$1" ]; then
            echo "there is no $1 in this image" >&2
            : > {home}/.justin/{not_run}
            exit 126
        fi
        ;;
esac
unset line
{exports}
exec {home}/justin-jobscript
"""


class Container(NamedTuple):
    """What a container is made of."""

    apptainer: str
    image: str
    binds: List[str]
    has_gpus: bool


def command(container: Container, workspace: Workspace, values: Mapping[str, str]) -> List[str]:
    """Write the launcher and return the command that runs it in the container."""
    write_private(workspace, "launch", launcher(values), mode=0o500)
    argv = [container.apptainer, "exec", "--containall"]
    for path in container.binds:
        argv += ["--bind", path]
    argv += ["--workdir", str(workspace.scratch), "--home", "{}:{}".format(workspace.home, HOME)]
    argv += ["--pwd", HOME + "/workspace"]
    if container.has_gpus:
        argv.append("--nv")
    return [*argv, container.image, "/bin/sh", HOME + "/.justin/launch"]


def binds(paths: Iterable[str]) -> List[str]:
    """Return what a container is to see of the node: /cvmfs, and the given paths where they are elsewhere."""
    wanted = ["/cvmfs"] if os.path.isdir("/cvmfs") else []
    elsewhere = {path for path in paths if path and not path.startswith("/cvmfs/")}
    return wanted + ["{0}:{0}:ro".format(path) for path in sorted(elsewhere)]


def launcher(values: Mapping[str, str]) -> bytes:
    """Return the script that sets the environment inside the container and becomes the jobscript."""
    exports = "\n".join("export {}={}".format(name, quoted(value)) for name, value in settable(values).items())
    text = LAUNCHER.format(home=HOME, started=STARTED, not_run=NOT_RUN, exports=exports)
    return text.encode("utf-8", "surrogateescape")


def settable(values: Mapping[str, str]) -> Dict[str, str]:
    """Leave out what a shell cannot export; HOME is Apptainer's own."""
    return {name: value for name, value in values.items() if name not in READ_ONLY_IN_SHELLS and name != "HOME"}


def quoted(value: str) -> str:
    """Quote a value for a POSIX shell so that every character stands for itself."""
    return "'" + value.replace("'", "'\\''") + "'"


def was_started(workspace: Workspace) -> bool:
    """Whether the container came as far as running the launcher."""
    return (workspace.private / STARTED).exists()


def could_not_run(workspace: Workspace) -> bool:
    """Whether the launcher ran and the jobscript's interpreter was not to be found."""
    return (workspace.private / NOT_RUN).exists()
