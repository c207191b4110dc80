"""The wheel holds the client alone, and the client needs nothing of the server."""

import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
UV = BIN / "uv"


def run(*command: str | Path) -> str:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, as it would be published."""
    folder = tmp_path_factory.mktemp("wheel")
    run(
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "--wheel-dir",
        folder,
        ROOT,
    )
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def client(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of an environment in which only the wheel and what it asks for are installed."""
    folder = tmp_path_factory.mktemp("client")
    venv.create(folder, with_pip=True)
    pinned = ROOT / "requirements/all.txt"
    constraints = folder / "constraints.txt"
    constraints.write_text("\n".join(line.split()[0] for line in pinned.read_text().splitlines() if "==" in line[:80]))
    run(folder / "bin/pip", "install", "--quiet", "--constraint", constraints, wheel)
    return folder / "bin"


def test_it_holds_the_client_alone(wheel: Path) -> None:
    names = {name.split("/")[0] for name in zipfile.ZipFile(wheel).namelist()}

    assert {name for name in names if not name.endswith(".dist-info")} == {"justin"}
    assert wheel.name.startswith("justin_wms-")


def test_it_carries_the_licence_and_its_types(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()

    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert "justin/py.typed" in names


def test_the_command_line_runs_without_the_server(client: Path) -> None:
    assert "submit" in run(client / "justin", "--help")


def test_the_python_api_loads_without_the_server(client: Path) -> None:
    assert run(client / "python", "-c", "from justin import Client; print(Client.__name__)").strip() == "Client"
