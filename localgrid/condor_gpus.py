"""Pretended GPUs: what a site's slots say of them, and an nvidia-smi for the jobs that are given some.

A GPU of the machine itself is never offered, so that a grid is the same everywhere.
"""

from dataclasses import dataclass

DRIVER_VERSION = "550.54"
VBIOS_VERSION = "92.00.45.00.03"
RUNTIME_VERSION = "12.4"


@dataclass(frozen=True, slots=True)
class Gpu:
    """One GPU of a pretended worker node."""

    uuid: str
    name: str
    capability: float
    memory_mib: int

    @property
    def short_id(self) -> str:
        """What HTCondor calls it, and so what it puts into CUDA_VISIBLE_DEVICES."""
        return f"GPU-{self.uuid[:8]}"


A100 = Gpu("a0000001-0000-4000-8000-000000000001", "NVIDIA A100-SXM4-40GB", 8.0, 40960)
V100 = Gpu("b0000001-0000-4000-8000-000000000001", "Tesla V100-PCIE-16GB", 7.0, 16384)
H100 = (
    Gpu("c0000001-0000-4000-8000-000000000001", "NVIDIA H100 80GB HBM3", 9.0, 81559),
    Gpu("c0000002-0000-4000-8000-000000000002", "NVIDIA H100 80GB HBM3", 9.0, 81559),
)
OF_SITE: dict[str, tuple[Gpu, ...]] = {"US_FNAL": (A100, V100), "CH_CERN": H100}


def inventory(gpus: tuple[Gpu, ...]) -> str:
    """Return what condor_gpu_discovery would print about these GPUs."""
    names = ", ".join(gpu.short_id for gpu in gpus)
    lines = [f'DetectedGPUs="{names}"' if gpus else "DetectedGPUs=0"]
    for gpu in gpus:
        properties = {
            "id": f'"{gpu.short_id}"',
            "DeviceUuid": f'"{gpu.uuid}"',
            "DeviceName": f'"{gpu.name}"',
            "Capability": f"{gpu.capability:.1f}",
            "GlobalMemoryMb": str(gpu.memory_mib),
            "DriverVersion": RUNTIME_VERSION,
            "MaxSupportedVersion": RUNTIME_VERSION.replace(".", "0") + "0",
            "ECCEnabled": "true",
        }
        described = " ".join(f"{name}={value};" for name, value in properties.items())
        lines.append(f"{gpu.short_id.replace('-', '_')}=[ {described} ]")
    return "\n".join([*lines, ""])


def nvidia_smi(gpus: tuple[Gpu, ...]) -> str:
    """Return a program that answers as nvidia-smi does on a node with these GPUs."""
    rows = [
        f"{number}, GPU-{gpu.uuid}, {gpu.name}, {gpu.memory_mib}, {DRIVER_VERSION}, {VBIOS_VERSION}, {gpu.capability}"
        for number, gpu in enumerate(gpus)
    ]
    listed = [f"GPU {number}: {gpu.name} (UUID: GPU-{gpu.uuid})" for number, gpu in enumerate(gpus)]
    return "\n".join(
        [
            "#!/bin/sh",
            'case "$*" in',
            f"*--query-gpu=*) cat <<'END'\n{chr(10).join(rows)}\nEND\n;;",
            f"*-L*) cat <<'END'\n{chr(10).join(listed)}\nEND\n;;",
            f"*) echo 'CUDA Version : {RUNTIME_VERSION}' ;;",
            "esac",
            "",
        ]
    )
