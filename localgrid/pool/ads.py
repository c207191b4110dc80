"""The job ad and the machine ad that a job finds, as HTCondor writes them."""

import getpass
import os
import platform
import re
import socket
import time

from localgrid.pool.layout import Job, Place, Settings

RUNNING = 2
Value = str | int | float | bool
ATTRIBUTE = re.compile("[A-Za-z_][A-Za-z0-9_]*")


def job_ad(job: Job, place: Place) -> str:
    """Return the ad of a job."""
    order = job.order
    return _as_text(
        {
            "ClusterId": job.cluster,
            "ProcId": job.proc,
            "GlobalJobId": f"{job.pool_name}#{job.key}",
            "JobStatus": RUNNING,
            "Owner": getpass.getuser(),
            "JobStartDate": int(place.started),
            "RequestCpus": order.processors,
            "RequestMemory": order.memory_mib,
            "RequestGPUs": order.gpus,
            "MATCH_GLIDEIN_DUNESite": place.site,
            "DesiredSites": ",".join(order.sites),
            **order.attributes,
        }
    )


def machine_ad(job: Job, place: Place, settings: Settings) -> str:
    """Return the ad of the slot that a job runs in."""
    return _as_text(
        {
            "Name": place.slot,
            "Machine": socket.gethostname(),
            "Arch": platform.machine().upper(),
            "OpSys": platform.system().upper(),
            "Cpus": job.order.processors,
            "TotalCpus": os.cpu_count() or 1,
            "Memory": job.order.memory_mib,
            "HasSingularity": False,
            "GLIDEIN_DUNESite": place.site,
            "GLIDEIN_Site": place.site,
            "GLIDEIN_Entry_Name": settings.entries[place.site],
            "GLIDEIN_Max_Walltime": settings.longest_wall_seconds,
            "GLIDEIN_ToDie": int(place.started) + settings.longest_wall_seconds,
            "MyCurrentTime": int(time.time()),
        }
    )


def _as_text(ad: dict[str, Value]) -> str:
    lines = [f"{name} = {_literal(value)}" for name, value in ad.items() if ATTRIBUTE.fullmatch(name)]
    return "\n".join([*lines, ""])


def _literal(value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        return f'"{escaped}"'
    return str(value)
