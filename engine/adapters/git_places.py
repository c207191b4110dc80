"""Where a repository lies: in the folder of local ones, at its organisation's host, or at the host of all others."""

import re
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from engine.adapters.git_commands import Place
from engine.code_settings import Git
from engine.errors import InvalidInput

NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}/[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")
HERE: Final = "this server"


def find_place(settings: Git, repository: str) -> Place:
    """Find the address of `ORG/REPO`; raises `InvalidInput` for a name that no repository has."""
    if not NAME.fullmatch(repository):
        raise InvalidInput(f"{repository[:250]!r} is not the name of a repository: write ORG/REPO.")
    local = _local(settings.directory, repository) if settings.directory else None
    if local:
        return Place(repository, str(local), HERE)
    organisation, _, name = repository.partition("/")
    base = settings.hosts.get(organisation) or (f"{settings.url.rstrip('/')}/{organisation}" if settings.url else None)
    if base is None:
        return Place(repository, "", HERE)
    address = f"{base.rstrip('/')}/{name.removesuffix('.git')}.git"
    return Place(repository, address, _host(address))


def _local(directory: Path, repository: str) -> Path | None:
    """Find a repository in the folder, bare or with its files."""
    for path in (directory / f"{repository}.git", directory / repository):
        if path.is_dir():
            return path.absolute()
    return None


def _host(address: str) -> str:
    """Name the host, without a password that stands in its address."""
    return urlsplit(address).netloc.rpartition("@")[2]
