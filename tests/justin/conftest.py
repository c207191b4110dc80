"""A server in memory, and the command line run against it over real HTTP."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from justin import cli
from justin.client import Client
from justin.testing import MockServer

QUERY = "files from usertests:raw where beam.energy > 6"
DIDS = [f"usertests:raw-{number}.root" for number in range(1, 6)]


@dataclass(frozen=True)
class Result:
    code: int
    out: str
    err: str


Run = Callable[..., Result]


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("JUSTIN_URL", "JUSTIN_OPTIONS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def server() -> MockServer:
    return MockServer(queries={QUERY: DIDS})


@pytest.fixture
def client(server: MockServer) -> Iterator[Client]:
    with server.client() as client:
        yield client


@pytest.fixture
def url(server: MockServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    with server.listening() as url:
        monkeypatch.setenv("JUSTIN_URL", url)
        yield url


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def run(*arguments: Any) -> Result:
        with pytest.raises(SystemExit) as end:
            cli.main([str(each) for each in arguments])
        out, err = capsys.readouterr()
        assert isinstance(end.value.code, int)
        return Result(end.value.code, out, err)

    return run


@pytest.fixture
def jobscript(tmp_path: Path) -> Path:
    path = tmp_path / "simulate.sh"
    path.write_text("#!/bin/sh\necho 'ünïcode' && exit 0\n", encoding="utf-8")
    return path
