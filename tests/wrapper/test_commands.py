"""The helper commands that jobscripts call, in images that hold next to nothing."""

import json
import shutil
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.support.scripted_allocator import JOBSCRIPT_SECRET, JOBSUB_ID, Answer, ScriptedAllocator, problem
from wrapper import install, results, workspace

LINE = "usertests:a.root root://host:1094//usertests/a.root MANCHESTER"
PROGRAMS = {
    "python3": [],
    "curl": ["curl", "cat", "date", "od", "sha256sum", "sleep", "tr"],
    "curl and openssl": ["curl", "cat", "date", "od", "openssl", "sleep", "tr"],
}


class Image:
    """A home with the helper commands in it, and a PATH with a few programs."""

    def __init__(self, directory: Path, kind: str, shell: str, url: str) -> None:
        self.directory = directory
        self.home = workspace.make(directory)
        self.url = url
        self.path = directory / "bin"
        self.path.mkdir()
        (self.path / "sh").symlink_to(shutil.which(shell) or shell)
        for name in PROGRAMS[kind]:
            (self.path / name).symlink_to(shutil.which(name) or name)
        if kind == "python3":
            # A link would make a virtual environment's Python another one.
            (self.path / "python3").write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
            (self.path / "python3").chmod(0o755)
        if (self.path / "sleep").exists():
            # The pauses are not what is tested; those of python3 cannot be skipped.
            (self.path / "sleep").unlink()
            (self.path / "sleep").symlink_to(shutil.which("true") or "true")
        self.shell = str(self.path / "sh")

    def install(self, **fields: Any) -> "Image":
        access = {
            "url": self.url,
            "jobsub_id": JOBSUB_ID,
            "secret": JOBSCRIPT_SECRET,
            "ca_path": "",
            "clock_offset_seconds": 0,
            "timestamp": int(time.time()),
            "wall_seconds": 3600,
            **fields,
        }
        install.install(self.home, install.Access(**access))
        return self

    def run(self, command: str, *arguments: str, cwd: Path | None = None) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [self.shell, str(self.home.home / command), *arguments],
            cwd=cwd or self.home.workspace,
            env={"PATH": str(self.path), "JUSTIN_PATH": str(self.home.home), "HOME": "/nonexistent"},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )


@pytest.fixture(
    params=[("python3", "dash"), ("curl", "dash"), ("curl", "bash"), ("curl and openssl", "dash")], ids=" in ".join
)
def image(request: pytest.FixtureRequest, tmp_path: Path, allocator: ScriptedAllocator) -> Image:
    kind, shell = request.param
    if not shutil.which(shell) or not all(shutil.which(name) for name in PROGRAMS[kind]):
        pytest.skip(f"this machine has no {shell} or not all of {PROGRAMS[kind]}")
    return Image(tmp_path, kind, shell, allocator.url)


def test_file_is_printed_and_noted(image: Image, allocator: ScriptedAllocator) -> None:
    allocator.files.extend([LINE, "monte-carlo-000504-000001 000001 MONTECARLO"])
    image.install()

    first, second = image.run("justin-get-file"), image.run("justin-get-file")

    assert (first.returncode, first.stdout, first.stderr) == (0, LINE + "\n", "")
    assert second.stdout == "monte-carlo-000504-000001 000001 MONTECARLO\n"
    assert (image.home.workspace / "all-input-dids.txt").read_text() == "usertests:a.root\nmonte-carlo-000504-000001\n"


def test_no_file_is_1(image: Image) -> None:
    image.install()

    done = image.run("justin-get-file")

    assert (done.returncode, done.stdout) == (1, "")
    assert "no file" in done.stderr
    assert not (image.home.workspace / "all-input-dids.txt").exists()


def test_missing_json_file_is_2(image: Image) -> None:
    image.install()
    (image.home.private / "call.json").unlink()

    for command in ("justin-get-file", "justin-allocated-files"):
        done = image.run(command)
        assert (done.returncode, done.stdout) == (2, "")
        assert "call.json" in done.stderr

    shutil.rmtree(image.home.private)
    assert image.run("justin-get-file").returncode == 2


@pytest.mark.parametrize("status", [400, 403])
def test_other_error_is_3(image: Image, allocator: ScriptedAllocator, status: int) -> None:
    allocator.script["get_file"].append(problem(status, "job_ended"))
    image.install()

    done = image.run("justin-get-file")

    assert (done.returncode, done.stdout) == (3, "")
    assert str(status) in done.stderr
    assert len(allocator.messages("get_file")) == 1
    assert not (image.home.private / results.UNANSWERED).exists()


def test_server_that_is_away_for_good_is_3(image: Image, allocator: ScriptedAllocator) -> None:
    allocator.script["get_file"].extend([problem(503, "busy")] * 4)
    image.install()

    done = image.run("justin-get-file")

    assert (done.returncode, done.stdout) == (3, "")
    assert len(allocator.messages("get_file")) == 4
    assert (image.home.private / results.UNANSWERED).exists()


def test_server_that_comes_back_within_seconds_is_asked_again(image: Image, allocator: ScriptedAllocator) -> None:
    allocator.script["get_file"].extend([problem(503, "busy"), Answer(status=0)])
    allocator.files.append(LINE)
    image.install()

    done = image.run("justin-get-file")

    assert (done.returncode, done.stdout) == (0, LINE + "\n")


def test_no_connection_is_4(image: Image) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        image.install(url=f"http://127.0.0.1:{unused.getsockname()[1]}/api/allocator/")

        done = image.run("justin-get-file")

    assert (done.returncode, done.stdout) == (4, "")
    assert "cannot be reached" in done.stderr
    assert (image.home.private / results.UNANSWERED).exists()


@pytest.mark.parametrize("option", [["--seconds-needed", "3700"], ["--seconds-needed=3700"]])
def test_too_little_time_is_5(image: Image, allocator: ScriptedAllocator, option: list[str]) -> None:
    allocator.files.append(LINE)
    image.install()

    done = image.run("justin-get-file", *option)

    assert (done.returncode, done.stdout) == (5, "")
    assert allocator.calls == []
    assert image.run("justin-get-file", "--seconds-needed", "3000").stdout == LINE + "\n"


@pytest.mark.parametrize("options", [["--seconds-needed"], ["--seconds-needed", "soon"], ["--help-me"]])
def test_nonsense_gets_no_file(image: Image, allocator: ScriptedAllocator, options: list[str]) -> None:
    image.install()

    done = image.run("justin-get-file", *options)

    assert (done.returncode, done.stdout) == (2, "")
    assert allocator.calls == []


def test_answer_that_is_no_file_is_3(image: Image, allocator: ScriptedAllocator) -> None:
    allocator.script["get_file"].append(Answer(body="<html>welcome to the hotel</html>"))
    image.install()

    done = image.run("justin-get-file")

    assert (done.returncode, done.stdout) == (3, "")


def test_allocated_files_are_printed_one_per_line(image: Image, allocator: ScriptedAllocator) -> None:
    image.install()
    assert (image.run("justin-allocated-files").stdout, image.run("justin-allocated-files").returncode) == ("", 0)
    allocator.given = ["usertests:a.root", "usertests:b.root"]

    done = image.run("justin-allocated-files")

    assert (done.returncode, done.stdout) == (0, "usertests:a.root\nusertests:b.root\n")


def test_allocated_files_without_an_answer_is_1(image: Image, allocator: ScriptedAllocator) -> None:
    allocator.script["get_allocated_files"].append(problem(403, "job_ended"))
    image.install()

    done = image.run("justin-allocated-files")

    assert (done.returncode, done.stdout) == (1, "")


def test_clock_of_the_node_may_be_wrong(image: Image, allocator: ScriptedAllocator) -> None:
    allocator.clock_offset_seconds = 7200
    allocator.files.append(LINE)
    image.install(clock_offset_seconds=7200)

    assert image.run("justin-get-file").stdout == LINE + "\n"


def test_commands_work_from_any_directory_also_one_that_cannot_be_written(
    image: Image, allocator: ScriptedAllocator, tmp_path: Path
) -> None:
    allocator.files.append(LINE)
    image.install()
    elsewhere = Path("/proc/self")

    done = image.run("justin-get-file", cwd=elsewhere)

    assert (done.returncode, done.stdout) == (0, LINE + "\n")
    assert "all-input-dids.txt" in done.stderr


def test_commands_at_once_note_every_file(image: Image, allocator: ScriptedAllocator) -> None:
    allocator.files.extend(f"usertests:f{number} pfn{number} RSE" for number in range(12))
    image.install()

    with ThreadPoolExecutor(6) as threads:
        done = list(threads.map(lambda _: image.run("justin-get-file"), range(12)))

    given = sorted(each.stdout.split()[0] for each in done)
    assert given == sorted(f"usertests:f{number}" for number in range(12))
    assert sorted((image.home.workspace / "all-input-dids.txt").read_text().split()) == given


def test_python_that_does_not_work_is_passed_over(tmp_path: Path, allocator: ScriptedAllocator) -> None:
    image = Image(tmp_path, "curl", "dash", allocator.url).install()
    (image.path / "python3").write_text("#!/bin/sh\nexit 1\n")
    (image.path / "python3").chmod(0o755)
    allocator.files.append(LINE)

    assert image.run("justin-get-file").stdout == LINE + "\n"


def test_sourced_errexit_and_nounset_do_no_harm(image: Image, allocator: ScriptedAllocator) -> None:
    allocator.files.append(LINE)
    image.install()
    script = image.home.workspace / "script"
    script.write_text('set -eu\nline=$("$JUSTIN_PATH/justin-get-file")\necho "got $line"\n')

    done = subprocess.run(
        [image.shell, script],
        cwd=image.home.workspace,
        env={"PATH": str(image.path), "JUSTIN_PATH": str(image.home.home)},
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout == f"got {LINE}\n"


def test_private_files_are_for_their_user_alone(tmp_path: Path) -> None:
    Image(tmp_path, "curl", "dash", "http://127.0.0.1/").install()

    modes = {path.name: oct(path.stat().st_mode & 0o777) for path in (tmp_path / "home" / ".justin").iterdir()}
    assert set(modes.values()) == {"0o400"}
    assert json.loads((tmp_path / "home" / ".justin" / "call.json").read_text())["secret"] == JOBSCRIPT_SECRET


def convert(tmp_path: Path, old: dict[str, Any], *arguments: str) -> "subprocess.CompletedProcess[str]":
    (tmp_path / "old.json").write_text(json.dumps(old))
    command = tmp_path / "home" / "pdjson2metadata"
    if not command.exists():
        Image(tmp_path, "curl", "dash", "http://127.0.0.1/").install()
    return subprocess.run(
        [sys.executable, command, "old.json", *arguments],
        cwd=tmp_path,
        env={"JUSTIN_SCOPE": "usertests"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_metadata_of_protodune_is_converted(tmp_path: Path) -> None:
    (tmp_path / "all-input-dids.txt").write_text("hd-protodune:raw1.hdf5\n")
    old = {
        "file_name": "reco1.root",
        "file_size": 7,
        "checksum": ["adler32:727689a8"],
        "DUNE.campaign": "dc4",
        "data_tier": "full-reconstructed",
        "data_stream": "physics",
        "event_count": 12,
        "first_event": 1,
        "application": {"family": "art", "name": "reco", "version": "v09"},
        "runs": [[5769, 2, "protodune-sp"], [5769, 1, "protodune-sp"]],
        "parents": [{"file_name": "raw1.hdf5"}, {"file_name": "raw2.hdf5"}],
    }

    done = convert(tmp_path, old)

    assert json.loads(done.stdout) == {
        "metadata": {
            "dune.campaign": "dc4",
            "core.data_tier": "full-reconstructed",
            "core.data_stream": "physics",
            "core.event_count": 12,
            "core.first_event_number": 1,
            "core.application.family": "art",
            "core.application.name": "reco",
            "core.application.version": "v09",
            "core.runs": [5769],
            "core.runs_subruns": [576900001, 576900002],
            "core.run_type": "protodune-sp",
        },
        "parents": [{"did": "hd-protodune:raw1.hdf5"}, {"did": "usertests:raw2.hdf5"}],
    }
    assert '"did": "elsewhere:raw2.hdf5"' in convert(tmp_path, old, "all-input-dids.txt", "elsewhere").stdout


def test_metadata_that_cannot_be_converted_is_an_error(tmp_path: Path) -> None:
    done = convert(tmp_path, {"runs": [["x"]]})

    assert (done.returncode, done.stdout) == (1, "")
    assert "old.json" in done.stderr
