"""What lies between two commits of a repository, as its host tells it."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from engine.adapters.git_mirrors import GitMirrors
from engine.code_settings import Git
from engine.errors import InvalidInput
from tests.support.repositories import Repository, git, make_repository

ABSENT_COMMIT = "0123456789" * 4


@pytest.fixture
def code(tmp_path: Path) -> Repository:
    return make_repository(tmp_path / "repositories")


def mirrors(tmp_path: Path) -> GitMirrors:
    return GitMirrors(Git(url=None, directory=tmp_path / "repositories", mirrors=tmp_path / "mirrors"))


@pytest.mark.parametrize("filtering", ["true", "false"])
def test_what_came_between_two_commits_is_listed(code: Repository, tmp_path: Path, filtering: str) -> None:
    git(code.bare, "config", "uploadpack.allowFilter", filtering)
    commits = [code.commit({"a": str(number)}, f"Change a to {number}: ünï") for number in range(4)]
    ours = mirrors(tmp_path)

    listed = ours.log("dune/code", commits[1], commits[3], most=10)

    assert [(each.commit, each.author, each.subject) for each in listed] == [
        (commits[number], "test", f"Change a to {number}: ünï") for number in (3, 2)
    ]
    assert abs(listed[0].at - datetime.now(UTC)) < timedelta(hours=1)
    assert len(ours.log("dune/code", commits[0], commits[3], most=2)) == 2
    assert ours.log("dune/code", commits[3], commits[1], most=10) == []
    with pytest.raises(InvalidInput, match=f"has no commit {ABSENT_COMMIT}"):
        ours.log("dune/code", ABSENT_COMMIT, commits[1], most=10)
    assert [path.name for path in (tmp_path / "mirrors").iterdir()] == []


def test_commits_that_are_not_in_the_encoding_they_claim_are_listed(code: Repository, tmp_path: Path) -> None:
    first = code.commit({"a": "1"})
    claimed = tmp_path / "commit"
    claimed.write_bytes(code.git("cat-file", "commit", code.commit({"a": "2"}, "Zurück")).encode("latin-1"))
    code.git("push", "--quiet", "--force", "origin", f"{first}:main")
    code.git("reset", "--quiet", "--hard", code.git("hash-object", "-t", "commit", "-w", str(claimed)))
    last = code.commit({"a": "3"}, "One line\u2028with a separator in it")

    listed = mirrors(tmp_path).log("dune/code", first, last, most=10)

    assert [each.subject for each in listed] == ["One line\u2028with a separator in it", "Zur?ck"]
