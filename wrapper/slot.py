"""What the slot is that the job landed in."""

import shutil
import socket
import subprocess
import time
from typing import Any, Dict, List, Mapping, NamedTuple, Optional

from wrapper import __version__, ads, gpus
from wrapper.log import say

MIB = 1024 * 1024
UNKNOWN_SITE = "XX_UNKNOWN"
"""The allocator refuses it: a slot that does not say where it is cannot be given nearby files."""
LONGEST_WALL_SECONDS = 86_400
"""What a slot that tells no limit is taken to have left."""
CONTAINER_COMMANDS = (
    "apptainer",
    "singularity",
    "/cvmfs/oasis.opensciencegrid.org/mis/apptainer/current/bin/apptainer",
)
BATCH_JOB_NAMES = ("SLURM_JOB_ID", "PBS_JOBID", "LSB_JOBID", "CREAM_JOBID", "JOB_ID")


class Slot(NamedTuple):
    """A slot, as far as the allocator and the wrapper want to know it."""

    site_name: str
    entry_name: str
    hostname: str
    site_job_id: str
    cpuinfo: str
    os_release: str
    processors: int
    rss_bytes: int
    ends_at: float
    """On the monotonic clock."""
    apptainer: str
    """The command, or nothing where none works."""
    gpus: List[gpus.Gpu]

    def seconds_left(self) -> float:
        """Return the wall time that is left."""
        return max(0.0, self.ends_at - time.monotonic())

    def message(self) -> Dict[str, Any]:
        """Return the request for work that describes this slot."""
        return {
            "site_name": self.site_name,
            "entry_name": self.entry_name,
            "hostname": self.hostname,
            "site_job_id": self.site_job_id,
            "cpuinfo": self.cpuinfo,
            "os_release": self.os_release,
            "wrapper_version": __version__,
            "processors": self.processors,
            "rss_bytes": self.rss_bytes,
            "wall_seconds": int(self.seconds_left()),
            "has_inner_apptainer": bool(self.apptainer),
            "gpus": [gpu.message() for gpu in self.gpus],
        }


def look(environ: Mapping[str, str]) -> Slot:
    """Find out what this slot is."""
    job_ad = ads.read(environ.get("_CONDOR_JOB_AD"))
    machine_ad = ads.read(environ.get("_CONDOR_MACHINE_AD"))
    memory_mib = ads.integer(job_ad, "RequestMemory") or ads.integer(machine_ad, "Memory") or 2000
    return Slot(
        site_name=environ.get("GLIDEIN_DUNESite") or UNKNOWN_SITE,
        entry_name=_line(environ.get("GLIDEIN_Entry_Name") or UNKNOWN_SITE),
        hostname=_line(socket.gethostname()),
        site_job_id=_line(next((environ[name] for name in BATCH_JOB_NAMES if environ.get(name)), "")),
        cpuinfo=_line(_after("/proc/cpuinfo", "model name", ":")),
        os_release=_line(_after("/etc/os-release", "PRETTY_NAME", "=").strip("\"'")),
        processors=ads.integer(job_ad, "RequestCpus") or ads.integer(machine_ad, "Cpus") or 1,
        rss_bytes=memory_mib * MIB,
        ends_at=time.monotonic() + _wall_seconds(machine_ad),
        apptainer=_apptainer(environ.get("PATH", "")),
        gpus=gpus.find(environ.get("CUDA_VISIBLE_DEVICES")),
    )


def _wall_seconds(machine_ad: ads.Ad) -> float:
    """Return the wall time left: the pilot's end is known to the second, its length only from its start."""
    dies_at = ads.integer(machine_ad, "GLIDEIN_ToDie")
    if dies_at is not None and dies_at > time.time():
        return dies_at - time.time()
    return float(ads.integer(machine_ad, "GLIDEIN_Max_Walltime") or LONGEST_WALL_SECONDS)


def _apptainer(path: str) -> str:
    for name in CONTAINER_COMMANDS:
        command = shutil.which(name, path=path)
        if command and _answers(command):
            return command
    return ""


def _answers(command: str) -> bool:
    """Whether a container command runs at all on this node."""
    try:
        done = subprocess.run(
            [command, "--version"],
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=30,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        say("{} does not work here: {}".format(command, error))
        return False
    return done.returncode == 0


def _after(path: str, name: str, separator: str) -> str:
    """Return the value of the first line of a file that has a name, or nothing."""
    try:
        with open(path, encoding="utf-8", errors="replace") as lines:
            found: Optional[str] = next((line for line in lines if line.startswith(name)), None)
    except OSError:
        return ""
    return found.partition(separator)[2].strip() if found else ""


def _line(told: str) -> str:
    """Make one line of bounded length of what a node tells."""
    return " ".join(told.replace("\0", " ").split())[:1000]
