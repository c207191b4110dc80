"""What the jobs of a stage tell of it, where no database can be asked to count."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from statistics import median_low
from typing import Final, TypeVar

from justin.schemas.diff import StageOutcome
from justin.schemas.views import JobView
from justin.states import JobState

WELL: Final = frozenset({JobState.FINISHED, JobState.NOTUSED})
"""Ends of jobs that are no failure."""
MOST_FAILURES: Final = 20

_NUMBER = re.compile(r"\b[0-9]+")

Number = TypeVar("Number", int, float)


def of_jobs(stage_id: int, jobs: Iterable[JobView], *, processors: int, image_digest: str = "") -> StageOutcome:
    """Tell what `models/sql/stage_outcomes.sql` does of a stage; jobs that did not start or end do not count."""
    ended = [job for job in jobs if job.started_at and job.finished_at]
    finished = [job for job in ended if job.state is JobState.FINISHED]
    return StageOutcome(
        stage_id=stage_id,
        image_digest=image_digest,
        wrapper_versions=sorted({job.wrapper_version for job in ended} - {""}),
        ended_jobs=len(ended),
        finished_jobs=len(finished),
        median_real_seconds=_median(job.real_seconds for job in finished),
        median_cpu_efficiency=_median(_efficiencies(finished, processors)),
        median_max_rss_bytes=_median(job.max_rss_bytes for job in finished),
        failures=_most_frequent(Counter(failure(job) for job in ended if job.state not in WELL)),
    )


def failure(job: JobView) -> str:
    """Name the way in which a job failed: its state with the jobscript's exit code, or the message without numbers."""
    if job.state is JobState.JOBSCRIPT_ERROR and job.jobscript_exit is not None:
        return f"{job.state}: exit {job.jobscript_exit}"
    sentence = _NUMBER.sub("#", job.state_message.split(". ")[0].rstrip("."))
    return f"{job.state}: {sentence}" if sentence else str(job.state)


def _efficiencies(jobs: Iterable[JobView], processors: int) -> Iterator[float | None]:
    for job in jobs:
        if job.real_seconds and job.cpu_seconds is not None:
            yield job.cpu_seconds / (job.real_seconds * processors)


def _median(values: Iterable[Number | None]) -> Number | None:
    known = [value for value in values if value is not None]
    return median_low(known) if known else None


def _most_frequent(counts: Counter[str]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:MOST_FAILURES])
