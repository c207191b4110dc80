"""The tree itself: sizes, names, and what must not stand in any file."""

import re
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LONGEST_LINES = 400
GENERATED = "models/migrations/versions/"
BUDGETS = {"flows": 60, "tasks": 80}
VAGUE_NAMES = {"utils", "util", "helpers", "common", "misc"}
INDEX_OPTIONS = re.compile(r"^\s*(--(extra-)?index-url|--find-links|-i |-f )|https?://|file://", re.MULTILINE)
HOST = re.compile(r"https?://(?:[^/@\s'\"]+@)?([^/:\s'\"]+)")
GENERAL_HOSTS = {"localhost", "127.0.0.1"}


def tracked(*patterns: str) -> list[Path]:
    """Every file that is, or would be, in the repository."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *patterns]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=30)
    return [ROOT / line for line in listed.stdout.splitlines() if (ROOT / line).is_file()]


def texts(*patterns: str) -> Iterator[tuple[str, str]]:
    for path in tracked(*patterns):
        try:
            yield str(path.relative_to(ROOT)), path.read_text()
        except UnicodeDecodeError:
            continue


def top_level_packages() -> set[str]:
    return {path.name for path in ROOT.iterdir() if path.is_dir() and any(path.glob("*.py"))}


def test_no_file_is_two_things() -> None:
    written = [(name, len(text.splitlines())) for name, text in texts("*.py") if not name.startswith(GENERATED)]
    long = {name: lines for name, lines in written if lines > LONGEST_LINES}

    assert long == {}


@pytest.mark.parametrize("folder", BUDGETS)
def test_flows_and_tasks_stay_thin(folder: str) -> None:
    # The worker is no flow: it is what runs them.
    over = {
        name: len(text.splitlines())
        for name, text in texts(f"{folder}/*.py")
        if "@flow" in text or "@task" in text
        if len(text.splitlines()) > BUDGETS[folder]
    }

    assert over == {}


def test_no_file_has_a_name_that_says_nothing() -> None:
    assert [path for path in tracked("*.py") if path.stem in VAGUE_NAMES] == []


def test_nothing_is_left_to_do() -> None:
    mark = re.compile("|".join([r"\bTO" + r"DO\b", r"\bFIX" + r"ME\b", r"\bXX" + r"X\b"]))
    found = [name for name, text in texts("*.py", "*.sql", "*.sh", "*.md") if mark.search(text)]

    assert found == []


def test_no_file_names_a_path_of_the_machine_it_was_written_on() -> None:
    here = re.compile(rf"{re.escape(str(ROOT))}\b|{re.escape(str(Path.home()))}/")
    found = [name for name, text in texts() if here.search(text)]

    assert found == []


def test_locks_name_no_package_index() -> None:
    found = {name: INDEX_OPTIONS.findall(text) for name, text in texts("requirements/*") if INDEX_OPTIONS.search(text)}

    assert found == {}


def test_no_file_names_a_package_index_that_this_machine_uses() -> None:
    configured = subprocess.run(["python3", "-m", "pip", "config", "list"], capture_output=True, text=True, check=False)
    hosts = set(HOST.findall(configured.stdout)) - GENERAL_HOSTS
    found = [(name, host) for name, text in texts() for host in hosts if host in text]

    assert found == []


def test_every_pin_has_a_hash() -> None:
    for name, text in texts("requirements/*.txt"):
        pins = re.split(r"\n(?=[a-zA-Z])", text.split("\n#", maxsplit=1)[0] if text.startswith("#") else text)
        without = [pin.split()[0] for pin in pins if "==" in pin and "--hash=sha256:" not in pin]
        assert without == [], name


def test_nothing_directly_in_the_dashboard_is_named_like_a_package() -> None:
    # Streamlit puts streamlit_app/ first on sys.path.
    names = {path.stem for path in (ROOT / "streamlit_app").iterdir()}

    assert names & top_level_packages() == set()


def test_every_top_level_package_is_under_the_layer_rules() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]
    outside = {"scripts", "tests"}

    assert set(settings["importlinter"]["root_packages"]) == top_level_packages() - outside


def test_scripts_and_the_ci_run_can_be_executed() -> None:
    for script in ("scripts/demo", "scripts/test", ".ci/run"):
        assert (ROOT / script).stat().st_mode & 0o111, script
