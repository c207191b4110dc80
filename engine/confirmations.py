"""The word of a wrapper that every output of its job lies where it should."""

from collections.abc import Iterator, Sequence

from engine.errors import InvalidInput, JobEnded, WrongState
from engine.results import ACTOR
from justin.schemas.jobs import ConfirmedFile, ConfirmResults, JobReply
from justin.states import TERMINAL_JOB_STATES, JobState
from models import results
from models.calls import CallingJob
from models.database import Session
from models.moves import Reason
from models.results import ConfirmedOutput, RecordedOutput


def confirm(session: Session, job: CallingJob, message: ConfirmResults) -> JobReply:
    """End a job whose outputs are uploaded; telling the catalogues of them is the outbox's from here on.

    A repetition changes nothing. Raises `InvalidInput` when it is not the outputs that were recorded.
    """
    if job.state is JobState.FINISHED:
        return JobReply(state=job.state)
    if job.state in TERMINAL_JOB_STATES:
        raise JobEnded(f"The job is {job.state}. {job.state_message}".strip())
    if job.state is not JobState.OUTPUTTING:
        raise WrongState(f"The job is {job.state}: it has no outputs to confirm.")
    recorded = results.recorded_outputs(session, job.job_id)
    wrong = list(_differences(recorded, message.outputs))
    if wrong:
        raise InvalidInput(" ".join(wrong))
    results.confirm_outputs(session, job.job_id, _places(recorded, message.outputs), Reason(ACTOR))
    results.finish_job(session, job.job_id, Reason(ACTOR))
    return JobReply(state=JobState.FINISHED)


def _differences(recorded: Sequence[RecordedOutput], confirmed: Sequence[ConfirmedFile]) -> Iterator[str]:
    expected = {output.did.partition(":")[2]: output for output in recorded}
    given = {file.name: file for file in confirmed}
    for name in sorted(expected.keys() - given.keys()):
        yield f"The output {name} is not confirmed."
    for name, file in given.items():
        output = expected.get(name)
        if output is None:
            yield f"The output {name} was not recorded."
        elif (file.size_bytes, file.adler32) != (output.size_bytes, output.adler32):
            yield f"The output {name} has another size or checksum than was recorded."
        elif _place(output, file) is None:
            yield f"The output {name} was not offered {file.url} at {file.rse}."


def _places(recorded: Sequence[RecordedOutput], confirmed: Sequence[ConfirmedFile]) -> list[ConfirmedOutput]:
    given = {file.name: file for file in confirmed}
    places = (_place(output, given[output.did.partition(":")[2]]) for output in recorded)
    return [place for place in places if place]


def _place(output: RecordedOutput, file: ConfirmedFile) -> ConfirmedOutput | None:
    """Find the target that took the output; None when it was not offered that one."""
    for target in output.targets:
        if (target["rse"], target["url"]) == (file.rse, file.url):
            return ConfirmedOutput(output.file_id, target["storage_id"], target["url"], file.seconds)
    return None
