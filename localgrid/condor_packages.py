"""Debian's packages for whoever does not want to install them: a private apt that downloads, and knows nothing else."""

import platform
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from localgrid.errors import GridError

SOURCES = Path("/etc/apt")
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
PROGRAMS = ("apt-get", "apt-cache", "dpkg-deb")
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
DOWNLOAD_SECONDS = 600
RETRIES = 3

# Of apt's own settings those that keep the machine's packages, lists and caches out of it.
SETTINGS = """\
Dir::Etc "{place}"; Dir::Etc::sourcelist "{place}/sources.list"; Dir::Etc::sourceparts "{place}/empty";
Dir::Etc::parts "{place}/parts"; Dir::Etc::preferencesparts "{place}/empty";
Dir::State "{place}"; Dir::State::lists "{place}/lists"; Dir::State::status "{place}/status";
Dir::Cache "{place}/cache";
APT::Architecture "{architecture}"; APT::Architectures {{"{architecture}";}}; APT::Install-Recommends "false";
APT::Sandbox::User "root"; Acquire::Languages "none"; Acquire::Retries "{retries}";
Acquire::IndexTargets::deb::DEP-11 {{ DefaultEnabled "false"; }};
"""


def obstacle() -> str:
    """Return why Debian's packages cannot be had on this machine; empty when nothing is known to be in the way."""
    missing = [name for name in PROGRAMS if shutil.which(name) is None]
    if missing:
        return f"this machine has no {', '.join(missing)}"
    if platform.machine() not in ARCHITECTURES:
        return f"no packages are known for {platform.machine()}"
    if not KEYRING.exists():
        return f"there is no {KEYRING} to check packages with"
    return "" if mirror() else "the machine's apt names no mirror of Debian"


def mirror(sources: Path = SOURCES) -> str:
    """Return the mirror of Debian that the machine's own apt uses; empty when it uses none."""
    for file in [*sorted((sources / "sources.list.d").glob("*")), sources / "sources.list"]:
        lines = file.read_text().splitlines() if file.exists() else []
        words = [word for line in lines if line.startswith(("URIs:", "deb ")) for word in line.split()]
        for word in words:
            if "://" in word and word.rstrip("/").endswith("/debian"):
                return word
    return ""


@dataclass(frozen=True, slots=True)
class PrivateApt:
    """An apt that knows one suite of Debian and no package as installed; all it writes is in `place`.

    A program that it starts holds the file `held` open, so that a lock there lasts as long as the program.
    """

    place: Path
    suite: str
    held: int

    def set_up(self) -> None:
        """Make its directories and read the suite's list of packages."""
        for name in ("parts", "empty", "lists/partial", "cache/archives/partial"):
            (self.place / name).mkdir(parents=True, exist_ok=True)
        (self.place / "status").touch()
        # How the machine reaches its mirror, through which proxy for example, is said in these.
        for file in (SOURCES / "apt.conf.d").glob("*"):
            shutil.copy(file, self.place / "parts")
        source = f"deb [signed-by={KEYRING}] {mirror()} {self.suite} main\n"
        (self.place / "sources.list").write_text(source)
        architecture = ARCHITECTURES[platform.machine()]
        settings = SETTINGS.format(place=self.place, architecture=architecture, retries=RETRIES)
        (self.place / "apt.conf").write_text(settings)
        self.run("apt-get", "-qq", "update")

    def dependencies(self, package: str) -> list[str]:
        """Return what a package depends on directly."""
        found = re.findall(r"^ *Depends: ([^\s<]+)", self.run("apt-cache", "depends", package), re.MULTILINE)
        return sorted(set(found))

    def closure(self, packages: list[str]) -> list[str]:
        """Return packages and everything that they need."""
        planned = self.run("apt-get", "install", "--yes", "--print-uris", *packages)
        return re.findall(r"^'[^']*' ([^_\s]+)_", planned, re.MULTILINE)

    def unpack(self, packages: list[str], target: Path) -> None:
        """Download packages and unpack them below a directory."""
        downloads = self.place / "downloads"
        shutil.rmtree(downloads, ignore_errors=True)
        downloads.mkdir()
        self.run("apt-get", "-qq", "download", *packages, directory=downloads)
        for file in sorted(downloads.glob("*.deb")):
            self.run("dpkg-deb", "--extract", str(file), str(target))

    def run(self, *command: str, directory: Path | None = None) -> str:
        """Run one of apt's programs and return what it said; raises `GridError` when it fails."""
        done = subprocess.run(
            command,
            check=False,
            cwd=directory or self.place,
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C", "APT_CONFIG": str(self.place / "apt.conf")},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=DOWNLOAD_SECONDS,
            pass_fds=(self.held,),
        )
        if done.returncode:
            raise GridError(f"Debian's packages cannot be had: {' '.join(command)}\n{done.stdout}{done.stderr}")
        return done.stdout
