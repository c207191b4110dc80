"""The scripts say clearly what they miss, install nothing that is installed already, and end as what they ran."""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROGRAMS = ("bash", "cat", "cksum", "date", "dirname", "env", "flock", "grep", "mktemp", "rm", "sh", "true")
CHECKS = ("lint-imports", "mkdocs", "mypy", "ruff", "vermin")


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


def install(checkout: Path, python: str) -> None:
    """Makes the checkout look installed, with a shell script as the environment's Python."""
    (checkout / ".venv/bin").mkdir(parents=True)
    program = checkout / ".venv/bin/python"
    program.write_text(f"#!/bin/sh\n{python}\n")
    program.chmod(0o755)
    pins = b"".join((checkout / "requirements" / name).read_bytes() for name in ("uv.txt", "all.txt"))
    known = subprocess.run(["cksum"], input=pins, capture_output=True, check=True)
    (checkout / ".venv/.installed").write_text(f"{known.stdout.decode().strip()} {checkout}\n")


def test_what_is_installed_is_not_installed_again(checkout: Path) -> None:
    # Whatever the environment's Python is asked to do would show.
    install(checkout, '[ "$1" = -c ] || echo "ran $*"')

    done = run(checkout, "tests/models")

    assert done.stdout == "ran -m pytest tests/models\n"


@pytest.mark.parametrize(("systems", "others", "status"), [(0, 0, 0), (1, 0, 1), (0, 1, 1), (2, 1, 2)])
def test_the_whole_run_ends_well_only_if_both_halves_do(checkout: Path, systems: int, others: int, status: int) -> None:
    install(
        checkout,
        f"""case "$*" in
          *--ignore=tests/system*) echo "the others"; exit {others};;
          *tests/system*) echo "the systems"; exit {systems};;
        esac""",
    )
    for name in CHECKS:
        (checkout / ".venv/bin" / name).symlink_to(checkout / "programs/true")

    done = run(checkout)

    assert done.returncode == status, done.stderr
    assert done.stdout == "the others\nthe systems\n"
    assert ("all checks and tests passed" in done.stderr) is (status == 0)
