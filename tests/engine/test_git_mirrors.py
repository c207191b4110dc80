import fcntl
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.adapters.git_mirrors import GitMirrors
from engine.adapters.git_places import find_place
from engine.code_ports import ReferenceKind, Resolved
from engine.code_settings import Git
from engine.errors import InvalidInput, Unavailable
from tests.support.repositories import Repository, git, make_repository

ABSENT_COMMIT = "0123456789" * 4


@pytest.fixture
def code(tmp_path: Path) -> Repository:
    return make_repository(tmp_path / "repositories")


def mirrors(tmp_path: Path, **given: object) -> GitMirrors:
    known = {"url": None, "directory": tmp_path / "repositories", "mirrors": tmp_path / "mirrors"}
    return GitMirrors(Git.model_validate(known | given))


def kept(tmp_path: Path) -> set[str]:
    return {path.name for path in (tmp_path / "mirrors").glob("*/*/*/")}


@pytest.mark.parametrize("annotated", [False, True])
def test_a_tag_stands_for_its_commit(code: Repository, tmp_path: Path, annotated: bool) -> None:
    commit = code.commit({"a": "1"})
    code.tag("v1.0/rc+1", annotated=annotated)
    code.commit({"a": "2"})

    assert mirrors(tmp_path).resolve("dune/code", "v1.0/rc+1") == Resolved(commit, ReferenceKind.TAG)


def test_a_branch_stands_for_its_newest_commit_and_gives_way_to_a_tag(code: Repository, tmp_path: Path) -> None:
    first = code.commit({"a": "1"})
    second = code.commit({"a": "2"})
    assert mirrors(tmp_path).resolve("dune/code", "main") == Resolved(second, ReferenceKind.BRANCH)

    code.tag("main", first)

    assert mirrors(tmp_path).resolve("dune/code", "main") == Resolved(first, ReferenceKind.TAG)


def test_a_commit_is_written_in_full(code: Repository, tmp_path: Path) -> None:
    commit = code.commit({"a": "1"})
    code.commit({"a": "2"})
    assert mirrors(tmp_path).resolve("dune/code", commit) == Resolved(commit, ReferenceKind.COMMIT)

    with pytest.raises(InvalidInput, match=f"neither a tag nor a branch {commit[:8]}. Write a commit in full"):
        mirrors(tmp_path).resolve("dune/code", commit[:8])
    with pytest.raises(InvalidInput, match=f"dune/code at this server has no commit {ABSENT_COMMIT}"):
        mirrors(tmp_path).resolve("dune/code", ABSENT_COMMIT)
    assert kept(tmp_path) == {commit}


def test_what_a_commit_s_name_names_must_be_a_commit(code: Repository, tmp_path: Path) -> None:
    code.commit({"a": "1"})
    tree = code.git("rev-parse", "HEAD^{tree}")

    with pytest.raises(InvalidInput, match=f"{tree} is a tree and no commit"):
        mirrors(tmp_path).resolve("dune/code", tree)


@pytest.mark.parametrize("reference", ["v2", "v", "v1*", "--upload-pack=x", "a b", "x\x00", "", "refs/tags/v1"])
def test_a_reference_that_is_not_there_is_refused(code: Repository, tmp_path: Path, reference: str) -> None:
    code.commit({"a": "1"})
    code.tag("v1")

    with pytest.raises(InvalidInput, match=r"neither a tag nor a branch|not the name of a tag"):
        mirrors(tmp_path).resolve("dune/code", reference)


@pytest.mark.parametrize(
    "name", ["dune/none", "dune", "../code", "dune/..", "-x/code", "a/b/c", "ext::sh -c/x", "a/b\n"]
)
def test_a_repository_that_is_not_there_is_refused(code: Repository, tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidInput, match=r"There is no repository dune/none|is not the name of a repository"):
        mirrors(tmp_path).resolve(name, "main")
    if name == "dune/none":
        assert mirrors(tmp_path).current(name, "main") is None


def test_many_references_are_asked_for_at_once(code: Repository, tmp_path: Path) -> None:
    commits = {}
    for number in range(3):
        commits[f"v{number}"] = code.commit({"a": str(number)})
        code.tag(f"v{number}", annotated=True)
    names = [*commits, "main", "gone", *(f"x{number}" for number in range(700))]

    assert mirrors(tmp_path).references("dune/code", names) == commits | {"main": commits["v2"]}


def test_a_moved_tag_leaves_the_commit_that_was_kept(code: Repository, tmp_path: Path) -> None:
    first = code.commit({"a": "1"})
    code.tag("v1")
    ours = mirrors(tmp_path)
    assert ours.read("dune/code", first, "a", 100) == b"1"

    code.untag("v1")
    assert ours.current("dune/code", "v1") is None
    second = code.commit({"a": "2"})
    code.tag("v1")

    assert ours.current("dune/code", "v1") == second
    assert (ours.read("dune/code", first, "a", 100), ours.read("dune/code", second, "a", 100)) == (b"1", b"2")


def test_a_kept_commit_needs_no_host(code: Repository, tmp_path: Path) -> None:
    commit = code.commit({"a": "1"})
    ours = mirrors(tmp_path)
    ours.read("dune/code", commit, "a", 100)
    code.bare.rename(code.bare.with_name("elsewhere"))
    code.checkout.rename(code.checkout.with_name("elsewhere.checkout"))

    assert ours.read("dune/code", commit, "a", 100) == b"1"
    assert ours.resolve("dune/code", commit).commit == commit


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("none", "There is no none in dune/code at"),
        ("deep/none", "There is no deep/none"),
        ("deep", "deep in dune/code at [0-9a-f]{40} is a folder and no file"),
        ("link", "is a link and no file"),
        ("big", "big in dune/code at [0-9a-f]{40} is larger than 100 bytes"),
        ("lfs", "is kept by Git LFS"),
        ("deep//file", "There is no"),
        ("../code", "There is no"),
        ("/etc/passwd", "There is no"),
        ("link/x", "There is no"),
        ("", "There is no|is a folder"),
    ],
)
def test_what_is_no_plain_file_is_not_read(code: Repository, tmp_path: Path, path: str, sentence: str) -> None:
    (code.checkout / "link").symlink_to("deep")
    lfs = "version https://git-lfs.github.com/spec/v1\noid sha256:0\n"
    commit = code.commit({"deep/file": "x", "big": "x" * 101, "lfs": lfs})

    with pytest.raises(InvalidInput, match=sentence):
        mirrors(tmp_path).read("dune/code", commit, path, 100)


def test_two_who_want_the_same_commit_fetch_it_once(code: Repository, tmp_path: Path) -> None:
    commit = code.commit({"a": bytes(1000)})
    got: list[bytes] = []
    threads = [
        threading.Thread(target=lambda: got.append(mirrors(tmp_path).read("dune/code", commit, "a", 2000)))
        for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert got == [bytes(1000)] * 6
    assert kept(tmp_path) == {commit}


def test_one_that_waits_too_long_for_another_says_so(code: Repository, tmp_path: Path) -> None:
    commit = code.commit({"a": "1"})
    (tmp_path / "mirrors/dune/code").mkdir(parents=True)
    with (tmp_path / "mirrors/dune/code/lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(Unavailable, match="being fetched by others"):
            mirrors(tmp_path, timeout_seconds=0.2).read("dune/code", commit, "a", 100)


def test_a_fetch_that_is_killed_leaves_nothing_that_looks_like_a_commit(code: Repository, tmp_path: Path) -> None:
    commit = code.commit({"a": os.urandom(8 << 20)})
    program = (
        "import sys; from pathlib import Path; from engine.adapters.git_mirrors import GitMirrors; "
        "from engine.code_settings import Git; base = Path(sys.argv[1]); "
        "GitMirrors(Git(url=None, directory=base / 'repositories', mirrors=base / 'mirrors'))"
        ".read('dune/code', sys.argv[2], 'a', 1 << 30)"
    )
    killed = subprocess.Popen([sys.executable, "-c", program, str(tmp_path), commit])
    while killed.poll() is None and not kept(tmp_path):
        time.sleep(0.001)
    killed.send_signal(signal.SIGKILL)
    killed.wait(30)

    assert len(mirrors(tmp_path).read("dune/code", commit, "a", 1 << 30)) == 8 << 20
    assert commit in kept(tmp_path)


def test_what_nobody_asked_for_is_forgotten_and_what_killed_fetches_left(code: Repository, tmp_path: Path) -> None:
    ours = mirrors(tmp_path, keep_seconds=1000)
    commits = [code.commit({"a": str(number)}) for number in range(4)]
    for commit in commits[:3]:
        ours.read("dune/code", commit, "a", 100)
    folder = tmp_path / "mirrors/dune/code"
    (folder / "new-left").mkdir()
    for old in (commits[0], commits[1], "new-left"):
        os.utime(folder / old, (1, 1))
    ours.read("dune/code", commits[1], "a", 100)

    ours.read("dune/code", commits[3], "a", 100)

    assert kept(tmp_path) == set(commits[1:])
    assert ours.read("dune/code", commits[0], "a", 100) == b"0"


def test_a_commit_that_is_too_large_is_broken_off(code: Repository, tmp_path: Path) -> None:
    commit = code.commit({"0": os.urandom(2 << 20)})

    with pytest.raises(InvalidInput, match="dune/code at this server is larger than the 1 MiB that are fetched"):
        mirrors(tmp_path, max_fetch_bytes=1 << 20).read("dune/code", commit, "0", 100)

    assert kept(tmp_path) == set()


def test_variables_of_a_hook_lead_to_no_other_repository(
    code: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = code.commit({"a": "1"})
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "another.git"))

    assert mirrors(tmp_path).resolve("dune/code", "main").commit == commit
    assert mirrors(tmp_path).read("dune/code", commit, "a", 100) == b"1"
    assert not (tmp_path / "another.git").exists()


# Hosts that speak HTTP.


class _Says(BaseHTTPRequestHandler):
    status = 404

    def do_GET(self) -> None:
        self.send_response(self.status)
        if self.status == 401:
            self.send_header("WWW-Authenticate", 'Basic realm="git"')
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def silent_host() -> Iterator[str]:
    """A host that takes connections and never answers."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Says) as server:
        yield f"http://127.0.0.1:{server.server_address[1]}"


def served(handler: type[BaseHTTPRequestHandler]) -> ThreadingHTTPServer:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def address(server: ThreadingHTTPServer) -> str:
    return f"http://127.0.0.1:{server.server_address[1]}"


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_private_repository_and_a_missing_one_cannot_be_told_apart(tmp_path: Path, status: int) -> None:
    server = served(type("Says", (_Says,), {"status": status}))
    try:
        ours = mirrors(tmp_path, url=address(server))
        with pytest.raises(InvalidInput, match=r"no repository dune/code at 127.0.0.1:\d+ .* wrong, or it is private"):
            ours.resolve("dune/code", "main")
        assert ours.current("dune/code", "main") is None
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_host_in_trouble_is_named(tmp_path: Path, status: int) -> None:
    server = served(type("Says", (_Says,), {"status": status}))
    try:
        with pytest.raises(Unavailable, match=rf"git cannot ask 127.0.0.1:\d+ for dune/code: .*{status}"):
            mirrors(tmp_path, url=address(server)).current("dune/code", "main")
    finally:
        server.shutdown()
        server.server_close()


def test_a_host_that_does_not_answer_is_not_waited_for(tmp_path: Path, silent_host: str) -> None:
    with pytest.raises(Unavailable, match="took longer than 1 s for dune/code"):
        mirrors(tmp_path, url=silent_host, answer_seconds=1).resolve("dune/code", "main")


def test_a_host_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match=r"git cannot ask 127\.0\.0\.1:9 for dune/code"):
        mirrors(tmp_path, url="http://127.0.0.1:9").resolve("dune/code", "main")


def test_a_host_that_gives_no_single_commits_is_asked_for_everything(code: Repository, tmp_path: Path) -> None:
    first = code.commit({"a": "1"})
    code.commit({"a": "2"})
    git(code.bare, "update-server-info")
    served_folder = str(tmp_path / "repositories")

    class Files(SimpleHTTPRequestHandler):
        def __init__(self, *args: object) -> None:
            super().__init__(*args, directory=served_folder)  # type: ignore[arg-type]

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = served(Files)
    try:
        ours = mirrors(tmp_path, directory=None, hosts={"dune": f"{address(server)}/dune"})
        assert ours.resolve("dune/code", "main").kind is ReferenceKind.BRANCH
        assert ours.read("dune/code", first, "a", 100) == b"1"
        with pytest.raises(InvalidInput, match=f"has no commit {ABSENT_COMMIT}"):
            ours.resolve("dune/code", ABSENT_COMMIT)
    finally:
        server.shutdown()
        server.server_close()


def test_the_account_s_own_configuration_is_not_used(
    code: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a user could read what the server's account may read."""
    commit = code.commit({"a": "1"})
    home = tmp_path / "home"
    home.mkdir()
    (home / ".gitconfig").write_text(f'[url "{code.bare.parent}/"]\n\tinsteadOf = http://127.0.0.1:9/dune/\n')
    monkeypatch.setenv("HOME", str(home))
    plain = subprocess.run(
        ["git", "ls-remote", "http://127.0.0.1:9/dune/code.git", "main"], capture_output=True, text=True, check=False
    )
    assert commit in plain.stdout

    with pytest.raises(Unavailable, match=r"127\.0\.0\.1:9"):
        mirrors(tmp_path, url="http://127.0.0.1:9", directory=None).resolve("dune/code", "main")


def test_an_organisation_has_a_host_of_its_own(tmp_path: Path) -> None:
    known = Git(hosts={"lab": "ssh://git@git.lab.example:8443/groups/lab/"})

    assert find_place(known, "lab/code").address == "ssh://git@git.lab.example:8443/groups/lab/code.git"
    assert find_place(known, "lab/code").host == "git.lab.example:8443"
    assert find_place(known, "dune/code.git").address == "https://github.com/dune/code.git"


@pytest.mark.parametrize(
    "url", ["ext::sh -c id", "file:///etc", "/srv/git", "-oProxyCommand=id", "https://a b", "https://me:secret@a/b"]
)
def test_an_address_that_is_no_host_s_is_no_setting(url: str) -> None:
    with pytest.raises(ValueError, match="url"):
        Git.model_validate({"url": url})


@given(repository=st.text(max_size=30), reference=st.text(max_size=30))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_no_name_does_more_than_be_refused(tmp_path: Path, repository: str, reference: str) -> None:
    with pytest.raises(InvalidInput):
        mirrors(tmp_path).resolve(repository, reference)
