"""Logs of jobs as files: an archive for each job, or a folder."""

import io
import tarfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import typer

from justin.client import Client
from justin.schemas.views import JobLogView, JobView


@dataclass(frozen=True, slots=True)
class Fetched:
    """Where the logs of a job are, and which there are."""

    jobsub_id: str
    path: str
    """Empty when none are kept yet."""
    logs: Sequence[str] = ()


def write(jobsub_id: str, logs: Sequence[JobLogView], place: Path, *, unpack: bool) -> Fetched:
    """Write the logs of a job into a folder, packed or each as a file."""
    name = jobsub_id.replace("@", "-").replace("/", "-")
    try:
        place.mkdir(parents=True, exist_ok=True)
        path = _unpack(logs, place / name) if unpack else _pack(logs, place / f"{name}.logs.tgz", name)
    except OSError as error:
        raise typer.BadParameter(f"the logs cannot be written: {error}") from error
    return Fetched(jobsub_id, str(path), [each.kind for each in logs])


def write_all(
    client: Client, jobs: Iterable[JobView], place: Path, tell: Callable[[Fetched], None], *, unpack: bool
) -> list[Fetched]:
    """Write the logs of jobs into a folder, one after the other, and tell of each as it is done."""
    fetched = []
    for job in jobs:
        logs = client.job_logs(job.jobsub_id)
        done = write(job.jobsub_id, logs, place, unpack=unpack) if logs else Fetched(job.jobsub_id, "")
        fetched.append(done)
        tell(done)
    return fetched


def _unpack(logs: Sequence[JobLogView], folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    for log in logs:
        (folder / _file_name(log)).write_text(log.text, encoding="utf-8")
    return folder


def _pack(logs: Sequence[JobLogView], path: Path, folder: str) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for log in logs:
            content = log.text.encode()
            entry = tarfile.TarInfo(f"{folder}/{_file_name(log)}")
            entry.size = len(content)
            entry.mtime = int(log.saved_at.timestamp())
            archive.addfile(entry, io.BytesIO(content))
    return path


def _file_name(log: JobLogView) -> str:
    return f"{log.kind.replace('/', '-')}.log"
