import hashlib
import os
import subprocess
import tarfile
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.adapters.git_mirrors import GitMirrors
from engine.code_settings import Git
from engine.errors import InvalidInput
from tests.support.repositories import Repository, git, make_repository


def mirrors(directory: Path, folder: str = "mirrors", **settings: object) -> GitMirrors:
    return GitMirrors(
        Git.model_validate({"url": None, "directory": directory, "mirrors": directory / folder} | settings)
    )


@pytest.fixture
def code(tmp_path: Path) -> Repository:
    return make_repository(tmp_path)


def fill(code: Repository) -> str:
    """Everything that a checkout or `git archive` would make differently here and there."""
    checkout = code.checkout
    (checkout / "bin").mkdir()
    (checkout / "bin/run").write_text("#!/bin/sh\n")
    (checkout / "bin/run").chmod(0o755)
    (checkout / "link").symlink_to("bin/run")
    return code.commit(
        {
            ".gitattributes": "*.txt text eol=crlf ident\nversion export-subst\nsecret export-ignore\n*.bin filter=x\n",
            "lines.txt": "one\ntwo $Id$\n",
            "version": "$Format:%H %cd$\n",
            "secret": "kept all the same\n",
            "data.bin": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 5\n",
            "big.bin": bytes(range(256)) * 1000,
            "empty": "",
            ".github/workflows/ci.yml": "jobs: {}\n",
            "deep/.github/kept": "a folder of that name elsewhere is the user's own\n",
            "deep/" + "long/" * 40 + "name": "longer than the oldest tar knows\n",
            "ünï cödé/Ω": "words\n",
            "a-b": "sorted before a/b by its bytes\n",
            "a/b": "b\n",
        }
    )


def test_a_tar_is_the_same_wherever_and_whenever_it_is_made(code: Repository, tmp_path: Path) -> None:
    commit = fill(code)
    first = mirrors(tmp_path).archive("dune/code", commit, tmp_path / "tars")

    other = tmp_path / "other"
    (other / "dune").mkdir(parents=True)
    git(other / "dune", "clone", "--quiet", str(code.bare), "code")
    git(other / "dune/code", "config", "core.autocrlf", "true")
    config = tmp_path / "gitconfig"
    config.write_text('[core]\n\tautocrlf = true\n\tabbrev = 5\n[tar]\n\tumask = 077\n[filter "x"]\n\tsmudge = false\n')
    umask, zone = os.umask(0o077), os.environ.get("TZ")
    os.environ["TZ"] = "Pacific/Kiritimati"
    time.tzset()
    try:
        second = mirrors(other, config_file=config).archive("dune/code", commit, other / "tars")
    finally:
        os.umask(umask)
        os.environ.pop("TZ") if zone is None else os.environ.update(TZ=zone)
        time.tzset()

    assert first.path.read_bytes() == second.path.read_bytes()
    assert first.sha256 == second.sha256 == hashlib.sha256(first.path.read_bytes()).hexdigest()
    assert first.size_bytes == first.path.stat().st_size
    assert first.path.name == f"{first.sha256}.tar"


def test_the_bytes_of_a_tar_are_those_of_every_version(tmp_path: Path) -> None:
    code = make_repository(tmp_path)
    commit = code.commit({"run.sh": "#!/bin/sh\n", "lib/a.py": "A = 1\n"})

    made = mirrors(tmp_path).archive("dune/code", commit, tmp_path / "tars")

    # Another hash would have every repository published again: RCDS knows them by it.
    assert made.sha256 == "893caad6806ef28986a0f821dceae2f47cd140bbc5349f1ef1ef8052fa560a79"


def test_a_tar_holds_the_files_as_they_were_committed(code: Repository, tmp_path: Path) -> None:
    made = mirrors(tmp_path).archive("dune/code", fill(code), tmp_path / "tars")

    with tarfile.open(made.path) as tar:
        members = {member.name: member for member in tar}
        content = {name: file.read() for name, member in members.items() if (file := tar.extractfile(member))}
    assert content["lines.txt"] == b"one\ntwo $Id$\n"
    assert content["version"] == b"$Format:%H %cd$\n"
    assert content["secret"] == b"kept all the same\n"
    assert content["big.bin"] == bytes(range(256)) * 1000
    assert content["empty"] == b""
    assert content["deep/" + "long/" * 40 + "name"] == b"longer than the oldest tar knows\n"
    assert content["ünï cödé/Ω"] == b"words\n"
    assert [name for name in members if name.startswith((".git/", ".github"))] == []
    assert "deep/.github/kept" in members
    assert (members["bin/run"].mode, members["empty"].mode, members["bin"].mode) == (0o755, 0o644, 0o755)
    assert (members["link"].type, members["link"].linkname) == (tarfile.SYMTYPE, "bin/run")
    assert {(member.uid, member.gid, member.uname, member.gname, member.mtime) for member in members.values()} == {
        (0, 0, "", "", 0)
    }
    assert [name for name in members if name.startswith(("a", "bin"))] == ["a", "a/b", "a-b", "bin", "bin/run"]
    assert made.lfs_pointers == ("data.bin",)
    assert made.submodules == ()


def test_submodules_are_named_and_left_empty(code: Repository, tmp_path: Path) -> None:
    inner = code.commit({"a": "a"})
    code.git("update-index", "--add", "--cacheinfo", f"160000,{inner},libs/inner")
    code.git("commit", "--quiet", "-m", "a submodule")
    code.git("push", "--quiet", "origin", "HEAD:main")

    made = mirrors(tmp_path).archive("dune/code", code.git("rev-parse", "HEAD"), tmp_path / "tars")

    assert made.submodules == ("libs/inner",)
    with tarfile.open(made.path) as tar:
        assert tar.getmember("libs/inner").isdir()


NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="/\0"), min_size=1, max_size=60).filter(
    lambda name: name not in {".", ".."} and ".git" not in name.lower() and len(name.encode()) < 200
)


@given(
    files=st.dictionaries(st.lists(NAMES, min_size=1, max_size=3).map("/".join), st.binary(max_size=2000), max_size=6)
)
@settings(max_examples=8, deadline=None)
def test_what_goes_into_a_repository_comes_out_of_its_tar(
    tmp_path_factory: pytest.TempPathFactory, files: dict[str, bytes]
) -> None:
    folder = tmp_path_factory.mktemp("any")
    code = make_repository(folder)
    # A file cannot be a folder too.
    kept = {name: data for name, data in files.items() if not any(each.startswith(f"{name}/") for each in files)}
    commit = code.commit(kept)

    first, second = (mirrors(folder, kind).archive("dune/code", commit, folder / kind) for kind in ("one", "other"))

    assert first.path.read_bytes() == second.path.read_bytes()
    with tarfile.open(first.path) as tar:
        found = {member.name: file.read() for member in tar if (file := tar.extractfile(member))}
    assert found == kept


def test_names_that_are_no_utf_8_keep_their_bytes(code: Repository, tmp_path: Path) -> None:
    (code.checkout / os.fsdecode(b"caf\xe9")).write_text("latin")
    commit = code.record()

    made = mirrors(tmp_path).archive("dune/code", commit, tmp_path / "tars")

    with tarfile.open(made.path, errors="surrogateescape") as tar:
        assert [os.fsencode(name) for name in tar.getnames()] == [b"caf\xe9"]


def test_names_that_stand_for_git_s_own_folder_are_refused(code: Repository, tmp_path: Path) -> None:
    code.commit({"a": "a"})
    blob = code.git("rev-parse", "HEAD:a")
    (tmp_path / "entry").write_text(f"100644 blob {blob}\tGIT~1\n")
    with (tmp_path / "entry").open() as entry:
        made = subprocess.run(
            ["git", "mktree"], stdin=entry, cwd=code.checkout, capture_output=True, check=True, text=True
        )
    commit = code.git("commit-tree", "-m", "forged", made.stdout.strip())
    code.git("push", "--quiet", "origin", f"{commit}:refs/heads/forged")

    with pytest.raises(InvalidInput, match="the folder at its top holds what no checkout could"):
        mirrors(tmp_path).archive("dune/code", commit, tmp_path / "tars")


def test_a_commit_without_files_makes_an_empty_tar(code: Repository, tmp_path: Path) -> None:
    made = mirrors(tmp_path).archive("dune/code", code.record(), tmp_path / "tars")

    with tarfile.open(made.path) as tar:
        assert tar.getnames() == []


def test_what_is_too_large_is_refused_before_it_is_written(code: Repository, tmp_path: Path) -> None:
    commit = code.commit({"small": "x", "zeros": bytes(3 << 20)})

    with pytest.raises(InvalidInput, match=r"dune/code at [0-9a-f]{40} cannot be given .* more than 1 MiB in a tar\."):
        mirrors(tmp_path, max_archive_bytes=1 << 20).archive("dune/code", commit, tmp_path / "tars")

    assert list((tmp_path / "tars").iterdir()) == []


def test_many_small_files_count_with_what_a_tar_needs_for_each(code: Repository, tmp_path: Path) -> None:
    commit = code.commit({f"files/{number}": "" for number in range(100)})

    with pytest.raises(InvalidInput, match="in a tar"):
        mirrors(tmp_path, max_archive_bytes=100 * 512).archive("dune/code", commit, tmp_path / "tars")
