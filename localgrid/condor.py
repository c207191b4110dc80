"""HTCondor: a real pool with three pretended sites, on loopback, which runs as our own account and installs nothing.

Root's daemons would want an account for each owner of jobs. So for root they run in a user namespace in which root has
another number: they take themselves for an ordinary user, and their jobs have root's files and none of its powers.
"""

import os
import pwd
import shutil
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from localgrid import apptainer, condor_gpus, condor_programs
from localgrid.condor_configuration import DOMAIN, Layout, WorkerNode, render
from localgrid.errors import GridError
from localgrid.processes import Component, kept_environment
from localgrid.secret_files import keep_secret, secret_in
from localgrid.sites import SERVICE_USER, Site

COMPONENT = "pool"
PRETENDED_ACCOUNTS = ("daemon", "bin")
"""Any account will do but the one that strangers have in a user namespace."""
PROGRAM_SECONDS = 20
READY_SECONDS = 90
STOP_SECONDS = 20


@dataclass(frozen=True, slots=True)
class Pool:
    """A pool in a directory."""

    directory: Path
    port: int
    sites: Sequence[Site]
    slots_per_site: int
    token_directory: Path
    """Holds the token with which jobs are submitted; nobody else may read it."""
    fast: bool = False
    """Whether the queue may be lost when the machine crashes."""
    schedds: int = 1
    containers_at: Sequence[str] = ()
    """Sites where jobs find Apptainer, which must have been built."""

    @property
    def layout(self) -> Layout:
        """Where it lies and what it offers."""
        return Layout(
            directory=self.directory,
            programs=condor_programs.location(),
            port=self.port,
            account=_account(),
            sites=self.sites,
            slots_per_site=self.slots_per_site,
            fast=self.fast,
            schedds=self.schedds,
            containers_at=self.containers_at,
        )

    @property
    def collector(self) -> str:
        """Where the pool is asked for."""
        return self.layout.collector

    def component(self) -> Component:
        """Return the pool as a component of a grid."""
        return Component(
            name=COMPONENT,
            command=(*_as_ordinary_user(), str(self._program("sbin", "condor_master")), "-f"),
            environment={
                "CONDOR_CONFIG": str(self.layout.file),
                # Another configuration makes another component.
                "LOCALGRID_CONFIGURATION": sha256(render(self.layout).encode()).hexdigest(),
            },
            address=self.collector,
            ready=self._is_ready,
            ready_seconds=READY_SECONDS,
            prepare=self._prepare,
            settle=self._settle,
            stop_signal=signal.SIGQUIT,
            stop_seconds=STOP_SECONDS,
        )

    def run(self, program: str, *arguments: str) -> str:
        """Run one of HTCondor's commands as the pool's administrator and return what it printed."""
        try:
            done = subprocess.run(
                [*_as_ordinary_user(), str(self._program("bin", program)), *arguments],
                check=False,
                cwd="/",
                env={**kept_environment(), "CONDOR_CONFIG": str(self.layout.file)},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=PROGRAM_SECONDS,
            )
        except subprocess.TimeoutExpired as error:
            raise GridError(f"{program} took more than {PROGRAM_SECONDS} s") from error
        if done.returncode:
            raise GridError(f"{program} failed: {done.stdout}{done.stderr}")
        return done.stdout

    def token(self, user: str) -> str:
        """Return a new token with which somebody may submit jobs; the pool must have been started once."""
        return self.run("condor_token_create", "-identity", f"{user}@{DOMAIN}").strip()

    def _program(self, folder: str, name: str) -> Path:
        return self.layout.programs / "usr" / folder / name

    def _prepare(self) -> None:
        layout = self.layout
        for name in ("log", "run", "lock", "spool", "keys", "tokens", "gpus", "bin"):
            (self.directory / name).mkdir(mode=0o700, parents=True, exist_ok=True)
        secret_in(self.directory / "keys" / "POOL")
        for label in layout.more_schedds:
            layout.spool(label).mkdir(exist_ok=True)
        for node in layout.nodes:
            _lay_out(layout, node)
        layout.file.write_text(render(layout))

    def _is_ready(self) -> bool:
        """Say whether every node's slot and the schedd can be found."""
        try:
            slots = self.run("condor_status", "-constraint", "PartitionableSlot", "-autoformat", "GLIDEIN_Site")
            schedds = self.run("condor_status", "-schedd", "-autoformat", "Name")
        except GridError:
            return False
        return len(slots.split()) == len(self.layout.nodes) and len(schedds.split()) == self.schedds

    def _settle(self) -> None:
        file = self.token_directory / SERVICE_USER
        if not file.exists():
            keep_secret(file, self.token(SERVICE_USER))


def obstacle() -> str:
    """Return why there can be no HTCondor pool on this machine; empty when nothing is known to be in the way."""
    return condor_programs.obstacle() or _namespace_obstacle()


def _namespace_obstacle() -> str:
    command = _as_ordinary_user()
    if not command:
        return ""
    if shutil.which(command[0]) is None:
        return f"root needs the program {command[0]} for it"
    done = subprocess.run([*command, "true"], check=False, capture_output=True, text=True, timeout=PROGRAM_SECONDS)
    return f"root may make no user namespace here ({done.stderr.strip()})" if done.returncode else ""


def _account() -> str:
    return _pretended().pw_name if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name


def _pretended() -> pwd.struct_passwd:
    known = {entry.pw_name: entry for entry in pwd.getpwall()}
    for name in PRETENDED_ACCOUNTS:
        if name in known:
            return known[name]
    raise GridError(f"this machine has no account {' or '.join(PRETENDED_ACCOUNTS)}, which root's pool pretends to be")


def _as_ordinary_user() -> tuple[str, ...]:
    """Return the command that makes root an ordinary user with root's files, under the same pid."""
    if os.geteuid() != 0:
        return ()
    entry = _pretended()
    return ("unshare", f"--map-user={entry.pw_uid}", f"--map-group={entry.pw_gid}", "--")


def _lay_out(layout: Layout, node: WorkerNode) -> None:
    """Make a node's places, and its GPUs."""
    layout.execute(node).mkdir(parents=True, exist_ok=True)
    layout.inventory(node).write_text(condor_gpus.inventory(node.gpus))
    tools = layout.tools(node)
    tools.mkdir(exist_ok=True)
    if node.gpus:
        _write_program(tools / "nvidia-smi", condor_gpus.nvidia_smi(node.gpus))
    if layout.has_containers(node):
        # It finds what belongs to it from where it lies, so a link would not do.
        _write_program(tools / "apptainer", f'#!/bin/sh\nexec "{apptainer.program()}" "$@"\n')


def _write_program(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o755)
