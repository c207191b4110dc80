"""The configuration of the OSG's pilot factories: a directory of XML and YAML files, often a git checkout."""

from dataclasses import dataclass, field
from pathlib import Path

from engine.adapters import git_checkout, pilot_entries, pilot_files
from engine.adapters.pilot_files import Malformed, RawEntry
from engine.errors import Unavailable
from engine.pilots import PilotConfiguration, PilotEntry
from engine.settings import Sites


@dataclass(slots=True)
class _Reading:
    """What was understood so far."""

    entries: dict[str, PilotEntry] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    unread: set[str] = field(default_factory=set)


class PilotFactory:
    """`ports.PilotFactories` on a directory."""

    def __init__(self, sites: Sites) -> None:
        self._sites = sites

    def read(self) -> PilotConfiguration:
        """Return what is configured now; nothing when there is no directory to read.

        A repository that does not answer leaves what the checkout had before, and a problem that says so.
        """
        directory = self._sites.directory
        if directory is None:
            return PilotConfiguration()
        reading = _Reading()
        version = self._update(directory, reading)
        paths = sorted(path for pattern in self._sites.files for path in directory.glob(pattern))
        if not paths:
            raise Unavailable(f"The configuration of the pilot factories in {directory} has no file.")
        for path in paths:
            self._read_file(path, path.relative_to(directory).as_posix(), reading)
        return PilotConfiguration(
            tuple(reading.entries.values()), tuple(reading.problems), frozenset(reading.unread), version
        )

    def _update(self, directory: Path, reading: _Reading) -> str:
        sites = self._sites
        if not sites.repository:
            return ""
        try:
            return git_checkout.update(directory, sites.repository, sites.branch, sites.timeout_seconds)
        except Unavailable as error:
            if not directory.is_dir():
                raise
            reading.problems.append(f"What was read before is used: {error}")
            return ""

    def _read_file(self, path: Path, source: str, reading: _Reading) -> None:
        try:
            for raw in pilot_files.read(path):
                self._take(raw, source, reading)
        except Malformed as error:
            reading.unread.add(source)
            reading.problems.append(f"{source} cannot be read to its end: {error}")

    def _take(self, raw: RawEntry | Malformed, source: str, reading: _Reading) -> None:
        if isinstance(raw, Malformed):
            reading.problems.append(f"{source}: {raw}")
            return
        try:
            entry = pilot_entries.understand(raw, source, self._sites)
        except Malformed as error:
            reading.problems.append(f"{source}: {error}")
            return
        if entry:
            _add(entry, reading)


def _add(entry: PilotEntry, reading: _Reading) -> None:
    """Add an entry; of two with the same name the enabled one counts, else the first."""
    known = reading.entries.setdefault(entry.name, entry)
    if known is not entry and entry.enabled:
        if known.enabled:
            reading.problems.append(f"{entry.source}: {entry.name} is also in {known.source}")
        else:
            reading.entries[entry.name] = entry
