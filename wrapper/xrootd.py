"""Uploads and reads by the XRootD protocol, with xrdcp where the node has it."""

import contextlib
import os
import shutil
import subprocess
from typing import List

from wrapper import outputs
from wrapper.targets import Parcel, Target, UploadError, compare


def put(parcel: Parcel, target: Target) -> None:
    """Copy an output with xrdcp, which compares the checksum and deletes what it could not finish."""
    checksum = "adler32:" + parcel.output.adler32
    _run("xrdcp", ["--nopbar", "--force", "--posc", "--cksum", checksum, str(parcel.path), target.url], parcel, target)


def check(parcel: Parcel, target: Target) -> None:
    """Copy what lies at a place beside the output, and raise UploadError unless it is the same."""
    copy = parcel.path.with_name(".{}.{}".format(parcel.path.name, os.urandom(8).hex()))
    try:
        _run("xrdcp", ["--nopbar", "--force", target.url, str(copy)], parcel, target)
        compare(*outputs.adler32(copy), parcel=parcel, place=target.url)
    except OSError as error:
        raise UploadError("xrdcp left no copy: {}".format(error)) from error
    finally:
        with contextlib.suppress(FileNotFoundError):
            copy.unlink()


def remove(parcel: Parcel, target: Target) -> None:
    """Delete an output again."""
    host, _, path = target.url.partition("://")[2].partition("/")
    _run("xrdfs", ["root://" + host, "rm", "/" + path.lstrip("/")], parcel, target)


def _run(name: str, arguments: List[str], parcel: Parcel, target: Target) -> None:
    command = shutil.which(name)
    if command is None:
        raise UploadError("{} is not on this node".format(name))
    # The token goes through the environment: command lines can be seen by everybody on the node.
    environment = dict(os.environ, BEARER_TOKEN=target.token) if target.token else dict(os.environ)
    try:
        done = subprocess.run(
            [command, *arguments],
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=environment,
            timeout=parcel.timeout_seconds,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UploadError("{} failed: {}".format(name, error)) from error
    if done.returncode != 0:
        told = done.stdout.decode("utf-8", "replace").strip()[-500:]
        raise UploadError("{} exited with {}: {}".format(name, done.returncode, told))
