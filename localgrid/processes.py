"""Supervision: start a component detached from us, know it again later, and stop it with all that it started.

Under the grid's directory, `run/NAME.json` says how to stop a component and is written before it starts;
`run/NAME.pid` holds its identity and is written by the component's own process before it becomes the component.
So there is no instant at which a component runs that the next command could not find, however we are killed.
"""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from localgrid.errors import ComponentError
from localgrid.identity import Identity, marked_processes, send_signal, session_members, working_in

MARK = "LOCALGRID_COMPONENT"
KEPT_VARIABLES = ("HOME", "LANG", "LD_LIBRARY_PATH", "LOGNAME", "PATH", "TMPDIR", "USER", "XDG_CACHE_HOME")
POLL_SECONDS = 0.05
KILL_SECONDS = 10.0
LOG_TAIL_LINES = 20

# The shell notes who it is and then becomes the component: same pid, same start time.
BECOME = """
set -eu
record=$1 fingerprint=$2
shift 2
read -r boot </proc/sys/kernel/random/boot_id
ticks=$(read -r stat </proc/$$/stat; set -- ${stat##*) }; echo "${20}")
echo "$$ $ticks $boot $fingerprint" >"$record.$$"
mv "$record.$$" "$record"
exec "$@"
"""


def nothing() -> None:
    """Do nothing: what a component has to prepare or to settle unless it says otherwise."""


def always() -> bool:
    """Return true: a component is ready as soon as it runs unless it says otherwise."""
    return True


@dataclass(frozen=True, slots=True)
class Component:
    """One server process of a grid, as data.

    `prepare` runs before the process is started, `settle` each time once it is ready; both may run again after
    being killed at any point. `data_directory` is where a program works whose processes leave their session.
    """

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    needs: tuple[str, ...] = ()
    address: str = ""
    ready: Callable[[], bool] = always
    ready_seconds: float = 60.0
    prepare: Callable[[], None] = nothing
    settle: Callable[[], None] = nothing
    stop_signal: signal.Signals = signal.SIGTERM
    stop_seconds: float = 10.0
    data_directory: Path | None = None
    program: str = ""
    directory: Path = Path("/")

    def fingerprint(self) -> str:
        """Return a word that changes when the component would run differently."""
        text = json.dumps([self.command, dict(self.environment), str(self.directory)], sort_keys=True)
        return sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Record:
    """What is remembered of a component that was started."""

    name: str
    address: str
    needs: tuple[str, ...]
    stop_signal: signal.Signals
    stop_seconds: float
    data_directory: Path | None
    program: str
    identity: Identity | None
    fingerprint: str

    def running(self) -> bool:
        """Say whether the component's main process runs."""
        return self.identity is not None and self.identity.alive()


def kept_environment() -> dict[str, str]:
    """Return the part of our environment that any program of ours needs to run as we do."""
    return {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}


def log_path(directory: Path, name: str) -> Path:
    """Return where a component writes its log."""
    return directory / "log" / f"{name}.log"


def record(directory: Path, name: str) -> Record | None:
    """Return what is remembered of a component, or None when it was never started or has been stopped."""
    try:
        text = (directory / "run" / f"{name}.json").read_text()
    except FileNotFoundError:
        return None
    said = json.loads(text)
    pid_file = directory / "run" / f"{name}.pid"
    line = pid_file.read_text() if pid_file.exists() else ""
    return Record(
        name=name,
        address=said["address"],
        needs=tuple(said["needs"]),
        stop_signal=signal.Signals(said["stop_signal"]),
        stop_seconds=said["stop_seconds"],
        data_directory=Path(said["data_directory"]) if said["data_directory"] else None,
        program=said["program"],
        identity=Identity.parse(line),
        # Behind the identity.
        fingerprint="".join(line.split()[3:4]),
    )


def records(directory: Path) -> list[Record]:
    """Return what is remembered of every component, in the order of their names."""
    names = sorted(path.stem for path in (directory / "run").glob("*.json"))
    return [found for name in names if (found := record(directory, name))]


def start(directory: Path, component: Component) -> bool:
    """Start a component unless it runs already just as asked, and wait until it is ready; say whether it was started.

    Raises `ComponentError`, with the end of the log, when it ends or does not become ready in time.
    """
    log_start = _size(log_path(directory, component.name))
    fresh = not _goes_on(directory, component, log_start)
    if fresh:
        stop(directory, component.name)
        component.prepare()
        _launch(directory, component)
        _wait_until_ready(directory, component, log_start)
    component.settle()
    return fresh


def _goes_on(directory: Path, component: Component, log_start: int) -> bool:
    """Wait until a component that runs as asked is ready; False when none runs, or it was on its way out."""
    if not _runs_as_asked(directory, component):
        return False
    try:
        _wait_until_ready(directory, component, log_start)
    except ComponentError:
        if _runs_as_asked(directory, component):
            raise
        return False
    return True


def _runs_as_asked(directory: Path, component: Component) -> bool:
    known = record(directory, component.name)
    return known is not None and known.running() and known.fingerprint == component.fingerprint()


def stop(directory: Path, name: str) -> bool:
    """Stop a component and everything it started; say whether anything ran."""
    known = record(directory, name)
    if known is None:
        return False
    ran = known.running()
    if known.identity and ran:
        send_signal(known.identity, known.stop_signal)
        wait_until_gone([known.identity], known.stop_seconds)
    left = _left_behind(directory, known)
    for identity in left:
        send_signal(identity, signal.SIGKILL)
    wait_until_gone(left, KILL_SECONDS)
    (directory / "run" / f"{name}.pid").unlink(missing_ok=True)
    (directory / "run" / f"{name}.json").unlink(missing_ok=True)
    return ran or bool(left)


def _launch(directory: Path, component: Component) -> None:
    """Start the component in a session of its own, as a child of nobody here."""
    _remember(directory, component)
    pid_file = directory / "run" / f"{component.name}.pid"
    environment = {**kept_environment(), "TZ": "UTC", **component.environment, MARK: mark(directory, component.name)}
    log_path(directory, component.name).parent.mkdir(exist_ok=True)
    with log_path(directory, component.name).open("ab") as log:
        subprocess.run(
            ["setsid", "--fork", "/bin/sh", "-c", BECOME, "sh", pid_file, component.fingerprint(), *component.command],
            check=True,
            cwd=component.directory,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )


def _remember(directory: Path, component: Component) -> None:
    (directory / "run").mkdir(mode=0o700, exist_ok=True)
    (directory / "run" / f"{component.name}.pid").unlink(missing_ok=True)
    text = json.dumps(
        {
            "address": component.address,
            "needs": component.needs,
            "stop_signal": int(component.stop_signal),
            "stop_seconds": component.stop_seconds,
            "data_directory": str(component.data_directory or ""),
            "program": component.program,
        }
    )
    new = directory / "run" / f"{component.name}.json.new"
    new.write_text(text)
    new.replace(new.with_suffix(""))


def mark(directory: Path, name: str) -> str:
    """Return what everything that runs for a component has in its environment."""
    return f"{directory}:{name}"


def _wait_until_ready(directory: Path, component: Component, log_start: int) -> None:
    deadline = time.monotonic() + component.ready_seconds
    appeared = False
    while True:
        known = record(directory, component.name)
        running = known is not None and known.running()
        appeared = appeared or (known is not None and known.identity is not None)
        if running and component.ready():
            return
        if appeared and not running:
            raise ComponentError(_complaint(directory, component.name, "ended while starting", log_start))
        if time.monotonic() > deadline:
            what = f"was not ready within {component.ready_seconds:.0f} s"
            raise ComponentError(_complaint(directory, component.name, what, log_start))
        time.sleep(POLL_SECONDS)


def _complaint(directory: Path, name: str, what: str, log_start: int) -> str:
    path = log_path(directory, name)
    with path.open("rb") as log:
        log.seek(log_start)
        lines = log.read().decode(errors="replace").splitlines()[-LOG_TAIL_LINES:]
    return "\n".join([f"{name} {what}; the end of {path}:", *(f"  {line}" for line in lines)])


def _left_behind(directory: Path, known: Record) -> list[Identity]:
    """List the processes of a component: those with its mark, those of its session, those in its data directory."""
    left = marked_processes(f"{MARK}={mark(directory, known.name)}")
    # Without its leader the session's number may be a stranger's by now.
    if known.identity and known.identity.alive():
        left += session_members(known.identity.pid)
    if known.data_directory:
        left += working_in(known.data_directory, known.program)
    return left


def wait_until_gone(identities: list[Identity], seconds: float) -> None:
    """Wait for processes to end, but not for longer than so many seconds."""
    deadline = time.monotonic() + seconds
    while any(identity.alive() for identity in identities) and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
