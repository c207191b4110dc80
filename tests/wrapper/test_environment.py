"""What a jobscript finds in its environment, in a container and outside, byte for byte."""

import json
import subprocess
import time
from pathlib import Path

import pytest

from tests.support.scripted_allocator import JOBSCRIPT_SECRET, JOBSUB_ID, ScriptedAllocator
from tests.wrapper.conftest import Slot
from wrapper import container

TORTURE = {
    "QUOTES": """it's "quoted" `really` \\ """,
    "COMMANDS": "$(touch /tmp/never) `touch /tmp/never` ${HOME} $HOME !! * ?",
    "LINES": "one\n two\n\nfour\n",
    "LITERAL": "one\\ntwo\\u000Athree",
    "ACCENTS": "naïve π 🜚",
    "EMPTY": "",
    "SPACES": "  both ends  ",
    "EQUALS": "a=b=c",
    "PERCENT": "%s %d %%",
}
PRINTS = "#!/usr/bin/env python3\nimport json, os\njson.dump(dict(os.environ), open('environ.json', 'w'))\n"

# What `apptainer exec` does as far as the wrapper relies on it, with namespaces of its own and the node's files.
APPTAINER = """#!/bin/sh
printf '%s\\n' "$@" > "{argv}"
[ "$1" = --version ] && exit 0
while [ $# -gt 0 ]; do
    case $1 in
        --home) home=${{2%%:*}}; shift 2 ;;
        --bind | --workdir | --pwd) shift 2 ;;
        *.sif) shift; break ;;
        *) shift ;;
    esac
done
mount_it='mount --bind "$0" /home && cd / && exec env -i PATH="$PATH" HOME=/home "$@"'
exec unshare -rm /bin/sh -c "$mount_it" "$home" "$@"
"""


@pytest.fixture
def apptainer(slot: Slot) -> Path:
    """A made-up Apptainer; the path is where it notes how it was called."""
    if subprocess.run(["unshare", "-rm", "true"], check=False, capture_output=True).returncode:
        pytest.skip("this machine gives no namespaces to its users")
    argv = slot.commands.parent / "argv"
    slot.command("apptainer", APPTAINER.format(argv=argv))
    return argv


def environ_of(slot: Slot) -> dict[str, str]:
    read: dict[str, str] = json.loads((slot.workspace / "environ.json").read_text())
    return read


def check_contract(environ: dict[str, str], allocator: ScriptedAllocator, home: str) -> None:
    assert {name: environ[name] for name in TORTURE} == TORTURE
    assert abs(int(environ["JUSTIN_TIMESTAMP"]) - time.time()) < 60
    promised = {
        "RUCIO_ACCOUNT": "justinreadonly",
        "JUSTIN_ALLOCATOR": allocator.url,
        "JUSTIN_SITE_NAME": "UK_Manchester",
        "JUSTIN_SCOPE": "usertests",
        "JUSTIN_MQL": allocator.work["mql"],
        "JUSTIN_WORKFLOW_ID": "504",
        "JUSTIN_STAGE_ID": "1",
        "JUSTIN_PROCESSORS": "1",
        "JUSTIN_RSS_MIB": "2000",
        "JUSTIN_WALL_SECONDS": "3600",
        "JUSTIN_JOBSUB_ID": JOBSUB_ID,
        "JUSTIN_JOBSCRIPT_SECRET": JOBSCRIPT_SECRET,
        "JUSTIN_SAM_WEB_URI": allocator.work["sam_web_uri"],
        "JUSTIN_PATH": home,
        "HOME": home,
        "BEARER_TOKEN_FILE": f"{home}/.justin/read.token",
    }
    assert {name: environ[name] for name in promised} == promised


def test_environment_outside_a_container(slot: Slot, allocator: ScriptedAllocator) -> None:
    overridden = [("JUSTIN_SCOPE", "mine"), ("JUSTIN_PATH", "/elsewhere"), ("LANG", "en_GB.UTF-8")]
    allocator.work.update(environment=[*TORTURE.items(), *overridden], read_token="read-only")
    slot.environ = {"X509_USER_PROXY": "/pilot/proxy", "PILOT_TOKEN": "secret", "X509_CERT_DIR": str(slot.commands)}

    slot.run(PRINTS)

    environ = environ_of(slot)
    check_contract(environ, allocator, str(slot.home))
    assert (environ["LANG"], environ["TZ"]) == ("en_GB.UTF-8", "UTC")
    assert environ["X509_CERT_DIR"] == environ["SSL_CERT_DIR"] == str(slot.commands)
    assert (slot.home / ".justin" / "read.token").read_text() == "read-only"
    assert environ["TMPDIR"] == str(slot.directory / "scratch")
    assert not {"X509_USER_PROXY", "PILOT_TOKEN", "GLIDEIN_DUNESite"} & set(environ)


def test_environment_without_a_locale_on_the_node(slot: Slot, allocator: ScriptedAllocator) -> None:
    allocator.work["environment"] = list(TORTURE.items())
    slot.environ = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}

    slot.run("#!/bin/sh\nprintf '%s' \"$ACCENTS\" > out.txt\n")

    assert (slot.workspace / "out.txt").read_bytes() == TORTURE["ACCENTS"].encode()


def test_environment_inside_a_container(slot: Slot, allocator: ScriptedAllocator, apptainer: Path) -> None:
    published = slot.commands.parent / "published"
    published.mkdir()
    allocator.work["code_areas"] = [{"organisation": "DUNE", "repository": "ana", "path": str(published)}]
    read_only = [("UID", "7"), ("SHELLOPTS", "x"), ("not a name", "x")]
    allocator.work.update(environment=[*read_only, *TORTURE.items()], jobscript_image="sl7.sif", read_token="read-only")

    slot.run(PRINTS)

    check_contract(environ_of(slot), allocator, "/home")
    argv = apptainer.read_text().splitlines()
    assert argv[:2] == ["exec", "--containall"]
    assert argv[argv.index("--home") + 1] == f"{slot.home}:/home"
    assert argv[argv.index("--pwd") + 1] == "/home/workspace"
    assert argv[-3:] == ["sl7.sif", "/bin/sh", "/home/.justin/launch"]
    assert "--nv" not in argv
    assert f"{published}:{published}:ro" in argv
    assert JOBSCRIPT_SECRET not in argv


def test_helper_commands_work_inside_a_container(slot: Slot, allocator: ScriptedAllocator, apptainer: Path) -> None:
    allocator.work["jobscript_image"] = "sl7.sif"
    allocator.files.append("usertests:a.root root://host//a.root MANCHESTER")

    slot.run("#!/bin/sh\npwd\n$JUSTIN_PATH/justin-get-file\nexit 3\n")

    recorded = allocator.one("record_results")
    assert allocator.one("get_jobscript").has_inner_apptainer
    assert recorded.jobscript_log == "/home/workspace\nusertests:a.root root://host//a.root MANCHESTER\n"
    assert recorded.jobscript_exit == 3


def test_container_that_does_not_start_is_not_the_jobscripts_fault(slot: Slot, allocator: ScriptedAllocator) -> None:
    allocator.work["jobscript_image"] = "sl7.sif"
    slot.command("apptainer", "#!/bin/sh\n[ $1 = --version ] || { echo 'FATAL: no such image' >&2; exit 255; }\n")

    slot.run()

    aborted = allocator.one("job_aborted")
    assert aborted.reason == "container_failed"
    assert "no such image" in aborted.jobscript_log


def test_interpreter_that_the_image_lacks_is_reported_as_such(
    slot: Slot, allocator: ScriptedAllocator, apptainer: Path
) -> None:
    allocator.work["jobscript_image"] = "sl7.sif"

    slot.run("#!/no/such/interpreter\n")

    assert allocator.one("job_aborted").reason == "jobscript_not_runnable"


def test_node_without_a_working_container_runs_the_jobscript_directly(slot: Slot, allocator: ScriptedAllocator) -> None:
    allocator.work["jobscript_image"] = "sl7.sif"
    slot.command("apptainer", "#!/bin/sh\nexit 1\n")

    slot.run("#!/bin/sh\necho $JUSTIN_PATH\n")

    assert not allocator.one("get_jobscript").has_inner_apptainer
    assert allocator.one("record_results").jobscript_log == f"{slot.home}\n"


@pytest.mark.parametrize("shell", ["dash", "bash"])
def test_launcher_sets_every_value_in_every_shell(shell: str, tmp_path: Path) -> None:
    script = container.launcher(TORTURE).decode().replace("/home", str(tmp_path))
    (tmp_path / "workspace").mkdir()
    (tmp_path / ".justin").mkdir()
    (tmp_path / "launch").write_text(script)
    jobscript = tmp_path / "justin-jobscript"
    jobscript.write_text(PRINTS)
    jobscript.chmod(0o755)

    subprocess.run([shell, tmp_path / "launch"], check=True)

    environ = json.loads((tmp_path / "workspace" / "environ.json").read_text())
    assert {name: environ[name] for name in TORTURE} == TORTURE
    assert not Path("/tmp/never").exists()


@pytest.mark.parametrize("shell", ["dash", "bash"])
def test_launcher_tells_that_the_jobscript_could_not_run(shell: str, tmp_path: Path) -> None:
    (tmp_path / "workspace").mkdir()
    (tmp_path / ".justin").mkdir()
    (tmp_path / "justin-jobscript").write_text("#! /usr/bin/no-such-python -u\n")
    script = container.launcher({}).decode().replace("/home", str(tmp_path))

    subprocess.run([shell, "-c", script], check=False, stderr=subprocess.DEVNULL)

    assert (tmp_path / ".justin" / container.NOT_RUN).exists()


def test_value_with_a_nul_is_refused(slot: Slot, allocator: ScriptedAllocator) -> None:
    allocator.work["environment"] = [("BROKEN", "a\0b")]

    slot.run()

    assert allocator.one("job_aborted").reason == "setup_failed"
