"""The answers to "why not?", in a sentence."""

from justin.schemas.explanations import PoolVerdict, StageExplanation
from justin.schemas.views import FileView
from justin.states import FactoryLimit

_CONTENT = {FactoryLimit.AS_WANTED, FactoryLimit.NOTHING_WANTED}
"""When there are as many jobs as the job factory wants."""

_MINUTE_SECONDS = 60
_HOUR_SECONDS = 3600


def stage(found: StageExplanation, file: FileView | None = None) -> str:
    """Say why the files of a stage wait, and what would help most; or why one file does."""
    if not found.waiting_files:
        return _none_waits(found, file)
    waiting = f"{file.did} waits" if file else f"{_files(found.waiting_files)} wait{_s(found.waiting_files)}"
    if found.open_files == found.waiting_files:
        return f"{waiting}, and jobs may have {'it' if file else 'them'} now: {_pool(found.pool)}."
    rest = f", of which jobs may have {found.open_files:,} now; for the others" if found.open_files else ":"
    return f"{waiting}{rest} {_help(found)}."


def _none_waits(found: StageExplanation, file: FileView | None) -> str:
    if file:
        held = f" by the job {file.jobsub_id}" if file.jobsub_id and file.state == "allocated" else ""
        return f"{file.did} does not wait: it is {file.state}{held}."
    counts = ", ".join(f"{count:,} {state}" for state, count in found.files.items())
    return f"No file waits: {counts or 'none was found'}."


def _help(found: StageExplanation) -> str:
    if found.changes:
        most = found.changes[0]
        return f"{most.change} frees {most.files:,}"
    if found.removed:
        most_removed = max(found.removed, key=lambda one: one.files)
        return f"no single change frees any; first of all, {most_removed.why}"
    return "no site is known from which they can be read"


def _pool(pool: PoolVerdict) -> str:
    if pool.queued_jobs:
        oldest = f", the oldest for {_duration(pool.oldest_queued_seconds or 0.0)}"
        said = f"{pool.queued_jobs:,} jobs are queued{oldest}" if pool.queued_jobs > 1 else f"one job is queued{oldest}"
    else:
        said = "no job is queued"
    ended = sum(one.jobs for one in pool.ended_unstarted)
    if ended:
        said += f"; {ended:,} ended without a start in the last day: {_why_ended(pool)}"
    if pool.factory and pool.factory.limited_by not in _CONTENT:
        said = f"{said.rstrip('.')}; no more are submitted: {pool.factory.sentence}"
    return said.rstrip(".")


def _why_ended(pool: PoolVerdict) -> str:
    most = max(pool.ended_unstarted, key=lambda one: one.jobs)
    return most.message or f"they were {most.state}"


def _files(count: int) -> str:
    return f"{count:,} file{'' if count == 1 else 's'}"


def _s(count: int) -> str:
    return "s" if count == 1 else ""


def _duration(seconds: float) -> str:
    if seconds < _MINUTE_SECONDS:
        return f"{seconds:.0f} s"
    return f"{seconds / _MINUTE_SECONDS:.0f} min" if seconds < 2 * _HOUR_SECONDS else f"{seconds / _HOUR_SECONDS:.0f} h"
