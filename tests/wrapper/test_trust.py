"""Whom the wrapper trusts, and who may look into it."""

import os
import shutil
import socketserver
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.scripted_allocator import ScriptedAllocator
from tests.wrapper.conftest import SYSTEM_PATH, Slot, finish

NOBODY = 65534
READS_MEMORY = """#!/usr/bin/env python3
import os
wrapper = os.getppid()
for process in (wrapper, int(open(f"/proc/{wrapper}/stat").read().rpartition(")")[2].split()[1])):
    for name in ("mem", "environ", "fd"):
        try:
            os.listdir(f"/proc/{process}/fd") if name == "fd" else open(f"/proc/{process}/{name}", "rb").read(1)
            print("read", name)
        except OSError as error:
            print("refused", name)
"""


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1, its own authority, in a directory as OpenSSL looks for it."""
    directory = tmp_path_factory.mktemp("ca")
    request = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=justin test"]
    files = ["-keyout", str(directory / "key.pem"), "-out", str(directory / "ca.pem")]
    subprocess.run([*request, "-addext", "subjectAltName=IP:127.0.0.1", *files], check=True, capture_output=True)
    told = subprocess.run(
        ["openssl", "x509", "-hash", "-noout", "-in", directory / "ca.pem"], check=True, capture_output=True, text=True
    )
    (directory / f"{told.stdout.strip()}.0").symlink_to("ca.pem")
    return directory


@pytest.fixture
def secure(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ScriptedAllocator]:
    """An allocator that speaks TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate / "ca.pem", certificate / "key.pem")
    # A client that does not trust the certificate hangs up, which is what is tested.
    monkeypatch.setattr(socketserver.BaseServer, "handle_error", lambda *_words: None)
    with ScriptedAllocator(context) as running:
        yield running
    assert running.violations == []


@pytest.mark.parametrize("trusted", ["ca.pem", "."])
@pytest.mark.parametrize("programs", ["python3", "curl"])
def test_allocator_with_a_certificate_of_a_given_authority(
    slot: Slot, secure: ScriptedAllocator, certificate: Path, trusted: str, programs: str
) -> None:
    slot.allocator = secure
    slot.settings["ca_path"] = str(certificate / trusted)
    secure.files.append("usertests:a.root pfn RSE")
    if programs == "curl":
        slot.command("python3", "#!/bin/sh\nexit 1\n")

    finished = slot.run("#!/bin/sh\n$JUSTIN_PATH/justin-get-file\n")

    assert finished.code == 0, finished.log
    assert secure.one("record_results").jobscript_log == "usertests:a.root pfn RSE\n"


def test_allocator_that_is_not_trusted_hears_nothing(slot: Slot, secure: ScriptedAllocator) -> None:
    slot.allocator = secure
    process = slot.start()
    assert process.stdout is not None

    told = next(line for line in process.stdout if "trying again" in line)
    process.terminate()
    finish(process)

    assert "CERTIFICATE_VERIFY_FAILED" in told
    assert secure.calls == []


@pytest.mark.skipif(os.getuid() != 0, reason="only root can run a job as somebody else")
def test_jobscript_cannot_look_into_the_wrapper(
    slot: Slot, allocator: ScriptedAllocator, pyz: Path, tmp_path: Path
) -> None:
    allocator.work["jobscript"] = READS_MEMORY
    slot.fill()
    directory = Path("/var/tmp") / f"justin-test-{os.getpid()}"
    shutil.copytree(slot.directory, directory)
    try:
        shutil.copy(pyz, directory)
        for path in (directory, *directory.iterdir()):
            os.chown(path, NOBODY, NOBODY)
        process = subprocess.Popen(
            ["/usr/bin/python3", pyz.name, "job.json"],
            cwd=directory,
            env={"PATH": SYSTEM_PATH, "GLIDEIN_DUNESite": "UK_Manchester", "GLIDEIN_Entry_Name": "entry-1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            user=NOBODY,
            group=NOBODY,
            extra_groups=[],
        )
        finished = finish(process)
    finally:
        shutil.rmtree(directory)

    assert finished.code == 0, finished.log
    assert (
        allocator.one("record_results").jobscript_log.split()
        == ["refused", "mem", "refused", "environ", "refused", "fd"] * 2
    )
