"""The scripts say clearly what they miss, and install nothing that is installed already."""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROGRAMS = ("bash", "cat", "cksum", "date", "dirname", "flock", "grep", "sh")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout without .venv, as an ordinary user has it on a machine without Python's venv module."""
    (tmp_path / "scripts").mkdir()
    for name in ("bootstrap.sh", "test"):
        shutil.copy(ROOT / "scripts" / name, tmp_path / "scripts")
    shutil.copytree(ROOT / "requirements", tmp_path / "requirements")
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in PROGRAMS:
        found = shutil.which(name)
        assert found
        (programs / name).symlink_to(found)
    (programs / "id").write_text("#!/bin/sh\necho 1000\n")
    (programs / "id").chmod(0o755)
    return tmp_path


def run(checkout: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(checkout / "scripts/test"), *arguments],
        env={"PATH": str(checkout / "programs")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_without_python_it_says_what_to_install(checkout: Path) -> None:
    done = run(checkout)

    assert done.returncode == 1
    assert "apt-get install python3.11 python3-venv" in done.stderr


def test_what_is_installed_is_not_installed_again(checkout: Path) -> None:
    # A stand-in for the environment's Python: whatever it is asked to do would show.
    (checkout / ".venv/bin").mkdir(parents=True)
    python = checkout / ".venv/bin/python"
    python.write_text('#!/bin/sh\n[ "$1" = -c ] || echo "ran $*"\n')
    python.chmod(0o755)
    pins = b"".join((checkout / "requirements" / name).read_bytes() for name in ("uv.txt", "all.txt"))
    known = subprocess.run(["cksum"], input=pins, capture_output=True, check=True)
    (checkout / ".venv/.installed").write_text(f"{known.stdout.decode().strip()} {checkout}\n")

    done = run(checkout, "tests/models")

    assert done.stdout == "ran -m pytest tests/models\n"
