"""The subcommands about the token for https:// destinations."""

from pathlib import Path

import pytest

from justin.testing import MockServer
from tests.justin.conftest import Run


@pytest.fixture(autouse=True)
def _no_token_of_ours(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("BEARER_TOKEN", "BEARER_TOKEN_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))


def test_a_token_is_taken_from_where_programs_of_the_grid_look(
    server: MockServer, url: str, run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("BEARER_TOKEN_FILE", str(tmp_path / "token"))
    (tmp_path / "token").write_text("secret\n")
    given = run("set-token", "--hours", 3)

    assert given.code == 0, given.err
    assert "is kept until" in given.out
    assert b'"token":"secret"' in server.requests[-1].content
    assert "is good until" in run("show-token").out
    assert run("forget-token").out == "Your token is forgotten.\n"
    assert run("forget-token").out == "There was none.\n"
    assert run("show-token").code != 0


def test_a_token_is_taken_from_a_file(server: MockServer, url: str, run: Run, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("secret")
    assert run("set-token", tmp_path / "mine", "--hours", 1).code == 0
    assert "no token can be read" in run("set-token", tmp_path / "none").err
