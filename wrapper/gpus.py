"""The GPUs that a job may use, as nvidia-smi tells them and CUDA_VISIBLE_DEVICES limits them."""

import re
import shutil
import subprocess
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

from wrapper.log import say

MIB = 1024 * 1024
TIMEOUT_SECONDS = 60
FIELDS = ("index", "uuid", "name", "memory.total", "driver_version", "vbios_version", "compute_cap")
NO_DEVICES = {"", "-1", "none", "void", "nodevfiles"}
MIG_LINE = re.compile(r"^\s+MIG\s+(\S+)\s+Device\s+\d+:\s+\(UUID:\s+(MIG-[^)\s]+)\)")
GPU_LINE = re.compile(r"^GPU\s+(\d+):.*\(UUID:\s+(GPU-[^)\s]+)\)")
CUDA_VERSION = re.compile(r"CUDA Version\s*:\s*(\d+(?:\.\d+)?)")


class Gpu(NamedTuple):
    """One GPU, or one MIG instance of a GPU; `number` is None for an instance."""

    number: Optional[int]
    uuid: str
    name: str
    memory_bytes: int
    compute_capability: float
    driver_version: str
    vbios_version: str
    runtime_version: float

    def message(self) -> Dict[str, Any]:
        """Return the GPU as the allocator wants to know it."""
        told = dict(self._asdict())
        del told["number"]
        return told


def find(visible_devices: Optional[str]) -> List[Gpu]:
    """List the GPUs that the value of CUDA_VISIBLE_DEVICES lets a job use; without a value, all of the node's."""
    if visible_devices is not None and visible_devices.strip().lower() in NO_DEVICES:
        return []
    command = shutil.which("nvidia-smi")
    if command is None:
        return []
    whole = _gpus(command)
    if visible_devices is None:
        return whole
    return visible(whole + _instances(command, whole), visible_devices)


def visible(gpus: List[Gpu], visible_devices: str) -> List[Gpu]:
    """Choose as CUDA does: by number, or by UUID or its unique beginning; what follows an unknown one is not seen."""
    chosen: List[Gpu] = []
    for name in (part.strip() for part in visible_devices.split(",")):
        found = [gpu for gpu in gpus if _is_called(gpu, name)]
        if len(found) != 1 or found[0] in chosen:
            say("CUDA_VISIBLE_DEVICES names {!r}, which is no GPU of this node that can be told apart".format(name))
            break
        chosen.extend(found)
    return chosen


def _is_called(gpu: Gpu, name: str) -> bool:
    if name.isdigit():
        return gpu.number == int(name)
    return len(name) > len("GPU-") and gpu.uuid.startswith(name)


def _gpus(command: str) -> List[Gpu]:
    # Drivers before 510 do not know compute_cap and refuse the whole query.
    rows = _rows(command, FIELDS) or _rows(command, FIELDS[:-1])
    runtime_version = _runtime_version(command) if rows else 0.0
    return [_gpu(row, runtime_version) for row in rows]


def _rows(command: str, fields: Tuple[str, ...]) -> List[List[str]]:
    told = _run([command, "--query-gpu=" + ",".join(fields), "--format=csv,noheader,nounits"])
    rows = [[cell.strip() for cell in line.split(",")] for line in told.splitlines()]
    return [row for row in rows if len(row) == len(fields) and row[0].isdigit()]


def _gpu(row: List[str], runtime_version: float) -> Gpu:
    number, uuid, name, memory_mib, driver_version, vbios_version = row[:6]
    return Gpu(
        number=int(number),
        uuid=uuid,
        name=name,
        memory_bytes=int(_number(memory_mib)) * MIB,
        compute_capability=_number(row[6]) if len(row) > len(FIELDS) - 1 else 0.0,
        driver_version=driver_version,
        vbios_version=vbios_version,
        runtime_version=runtime_version,
    )


def _instances(command: str, whole: List[Gpu]) -> List[Gpu]:
    """List the MIG instances, which nvidia-smi tells only in its list for people."""
    instances: List[Gpu] = []
    parent: Optional[Gpu] = None
    for line in _run([command, "-L"]).splitlines():
        gpu_line, mig_line = GPU_LINE.match(line), MIG_LINE.match(line)
        if gpu_line:
            parent = next((gpu for gpu in whole if gpu.uuid == gpu_line.group(2)), None)
        elif mig_line and parent:
            instances.append(_instance(parent, mig_line.group(1), mig_line.group(2)))
    return instances


def _instance(parent: Gpu, profile: str, uuid: str) -> Gpu:
    size_gib = re.search(r"\.(\d+)gb", profile)
    memory_bytes = int(size_gib.group(1)) * 1024 * MIB if size_gib else 0
    return parent._replace(
        number=None, uuid=uuid, name="{} MIG {}".format(parent.name, profile), memory_bytes=memory_bytes
    )


def _runtime_version(command: str) -> float:
    found = CUDA_VERSION.search(_run([command]))
    return float(found.group(1)) if found else 0.0


def _number(written: str) -> float:
    """Read a number; nvidia-smi writes [N/A] where it has none."""
    try:
        return float(written)
    except ValueError:
        return 0.0


def _run(command: List[str]) -> str:
    """Return what a command wrote, or nothing when it failed: a broken driver means no GPU, not a broken job."""
    try:
        done = subprocess.run(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
            stdin=subprocess.DEVNULL,
            timeout=TIMEOUT_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        say("{} failed: {}".format(command[0], error))
        return ""
    told = done.stdout.decode("utf-8", "replace")
    if done.returncode != 0:
        say("{} failed: {}".format(" ".join(command), told.strip()[:200]))
        return ""
    return told
