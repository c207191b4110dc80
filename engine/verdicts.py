"""What the report of a jobscript means for its job and its inputs."""

from collections.abc import Sequence
from dataclasses import dataclass

from justin.schemas.jobs import RecordResults
from justin.states import FileState, JobState
from models.reports import GivenFile

SHOWN = 5


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a job goes on."""

    state: JobState
    """`outputting`, or the job's end."""
    message: str = ""
    processed: tuple[GivenFile, ...] = ()
    remarks: tuple[str, ...] = ()
    """Sentences for the job's log that change nothing."""


def judge(report: RecordResults, given: Sequence[GivenFile], *, asked: bool) -> Verdict:
    """Say whether the jobscript worked: by its exit status, and by what it says of the inputs it was given."""
    if report.timed_out:
        return Verdict(JobState.TIMED_OUT, f"The jobscript was ended after {report.real_seconds:.0f} s of wall time.")
    if report.jobscript_exit:
        return Verdict(JobState.JOBSCRIPT_ERROR, _exit(report.jobscript_exit))
    if not asked:
        return Verdict(JobState.NO_INPUT_REQUESTED, "The jobscript ended well and never asked for an input.")
    processed, unknown = _processed(report, given)
    if given and not processed:
        message = f"The jobscript was given {len(given)} files and names none of them as processed."
        return Verdict(JobState.NONE_PROCESSED, message, remarks=_remarks(unknown))
    return Verdict(JobState.OUTPUTTING, processed=tuple(processed), remarks=_remarks(unknown))


def _exit(status: int) -> str:
    return f"The jobscript ended with status {status}." if status > 0 else f"The signal {-status} ended the jobscript."


def _processed(report: RecordResults, given: Sequence[GivenFile]) -> tuple[list[GivenFile], list[str]]:
    """Find what the two lists name, and what of them is no input of this job."""
    named = {line.strip() for line in (*report.processed_dids, *report.processed_pfns)} - {""}
    processed = [file for file in given if file.state is FileState.OUTPUTTING or named & {file.did, *file.pfns}]
    known = {name for file in given for name in (file.did, *file.pfns)}
    return processed, sorted(named - known)


def _remarks(unknown: Sequence[str]) -> tuple[str, ...]:
    if not unknown:
        return ()
    more = f" and {len(unknown) - SHOWN} more" if len(unknown) > SHOWN else ""
    return (f"Not an input that this job holds, so ignored: {', '.join(unknown[:SHOWN])}{more}.",)
