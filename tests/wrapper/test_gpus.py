"""The GPUs that a slot has, by what a node's nvidia-smi says of them."""

import os
from pathlib import Path

import pytest

from tests.support.scripted_allocator import ScriptedAllocator
from tests.wrapper.conftest import Slot
from wrapper import gpus

UUIDS = [f"GPU-{digit * 8}-1111-2222-3333-444444444444" for digit in "abc"]
MIG = "MIG-c6d4f1ef-42e4-5de3-91c7-45d71c87eb3f"
ROWS = "\n".join(
    f"{number}, {uuid}, NVIDIA A100-SXM4-40GB, 40960, 535.104.05, 92.00.36.00.01, 8.0"
    for number, uuid in enumerate(UUIDS)
)
NVIDIA_SMI = f"""#!/bin/sh
case "$*" in
    *compute_cap*)
        [ -n "$OLD_DRIVER" ] && {{ echo 'Field "compute_cap" is not a valid field to query.'; exit 2; }}
        echo '{ROWS}' ;;
    --query-gpu*) echo '{ROWS.replace(", 8.0", "")}' ;;
    -L)
        echo 'GPU 0: NVIDIA A100-SXM4-40GB (UUID: {UUIDS[0]})'
        echo '  MIG 1g.5gb      Device  0: (UUID: {MIG})' ;;
    '') echo '| NVIDIA-SMI 535.104.05    Driver Version: 535.104.05    CUDA Version: 12.2     |' ;;
esac
"""


@pytest.fixture
def nvidia_smi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A node with three GPUs, the first of them with a MIG instance."""
    command = tmp_path / "nvidia-smi"
    command.write_text(NVIDIA_SMI)
    command.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    return command


@pytest.mark.parametrize(
    ("visible", "expected"),
    [
        (None, UUIDS),
        ("0", UUIDS[:1]),
        ("2,0", [UUIDS[2], UUIDS[0]]),
        (" 1 , 2 ", UUIDS[1:]),
        (UUIDS[1], UUIDS[1:2]),
        ("GPU-cccccccc", UUIDS[2:]),
        (f"{UUIDS[2]},{UUIDS[0]}", [UUIDS[2], UUIDS[0]]),
        (MIG, [MIG]),
        ("0,-1,1", UUIDS[:1]),
        ("1,7,2", UUIDS[1:2]),
        ("1,1", UUIDS[1:2]),
        ("10000", []),
        ("GPU-", []),
        ("CUDA0", []),
        ("", []),
        ("-1", []),
        ("NoDevFiles", []),
        ("void", []),
        ("none", []),
    ],
)
def test_visible_devices_are_honoured(nvidia_smi: Path, visible: str | None, expected: list[str]) -> None:
    assert [gpu.uuid for gpu in gpus.find(visible)] == expected


def test_what_is_told_of_a_gpu(nvidia_smi: Path) -> None:
    (gpu,) = gpus.find("0")

    assert gpu.message() == {
        "uuid": UUIDS[0],
        "name": "NVIDIA A100-SXM4-40GB",
        "memory_bytes": 40960 * 1024 * 1024,
        "compute_capability": 8.0,
        "driver_version": "535.104.05",
        "vbios_version": "92.00.36.00.01",
        "runtime_version": 12.2,
    }


def test_what_is_told_of_a_mig_instance(nvidia_smi: Path) -> None:
    (gpu,) = gpus.find(MIG)

    assert gpu.name == "NVIDIA A100-SXM4-40GB MIG 1g.5gb"
    assert gpu.memory_bytes == 5 * 1024**3


def test_driver_that_does_not_know_the_capability(nvidia_smi: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OLD_DRIVER", "1")

    assert [(gpu.uuid, gpu.compute_capability) for gpu in gpus.find("0")] == [(UUIDS[0], 0.0)]


def test_broken_driver_is_no_gpu(nvidia_smi: Path) -> None:
    nvidia_smi.write_text("#!/bin/sh\necho 'NVIDIA-SMI has failed because it could not communicate'\nexit 9\n")

    assert gpus.find("0") == []


def test_jobscript_sees_its_gpus_by_uuid(slot: Slot, allocator: ScriptedAllocator) -> None:
    slot.command("nvidia-smi", NVIDIA_SMI)
    slot.environ["CUDA_VISIBLE_DEVICES"] = "2,0"
    allocator.work["requested_gpus"] = 2

    slot.run("#!/bin/sh\necho $CUDA_VISIBLE_DEVICES\n")

    assert [gpu.uuid for gpu in allocator.one("get_jobscript").gpus] == [UUIDS[2], UUIDS[0]]
    assert allocator.one("record_results").jobscript_log == f"{UUIDS[2]},{UUIDS[0]}\n"


def test_container_gets_the_gpus_it_asked_for(slot: Slot, allocator: ScriptedAllocator) -> None:
    slot.command("nvidia-smi", NVIDIA_SMI)
    launched = slot.commands.parent / "argv"
    slot.command("apptainer", f'#!/bin/sh\n[ $1 = --version ] || echo "$@" > {launched}\n')
    slot.environ["CUDA_VISIBLE_DEVICES"] = "1"
    allocator.work.update(requested_gpus=1, jobscript_image="gpu.sif")

    slot.run()

    assert " --nv gpu.sif " in launched.read_text()
    launcher = (slot.home / ".justin" / "launch").read_text()
    assert f"export CUDA_VISIBLE_DEVICES='{UUIDS[1]}'" in launcher
    assert "export LD_LIBRARY_PATH='/.singularity.d/libs'" in launcher


def test_jobscript_that_asked_for_none_sees_none(slot: Slot, allocator: ScriptedAllocator) -> None:
    slot.command("nvidia-smi", NVIDIA_SMI)
    allocator.work["environment"] = [("CUDA_VISIBLE_DEVICES", "0")]

    slot.run('#!/bin/sh\necho "[$CUDA_VISIBLE_DEVICES]"\n')

    assert allocator.one("record_results").jobscript_log == "[]\n"
