"""The calls of jobs: the work of each is committed before its reply is made."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends
from fastapi.responses import PlainTextResponse
from pydantic import BaseModel

from engine import aborts, allocation, calls, confirmations, heartbeats, log_offers, probe_jobs, results, starts
from engine.calls import Key
from engine.errors import NoFile, NoWork
from engine.signing import SignedRequest
from justin.schemas.jobs import (
    ConfirmLogs,
    ConfirmResults,
    GetAllocatedFiles,
    GetFile,
    GetJobscript,
    Heartbeat,
    HeartbeatReply,
    JobAborted,
    JobReply,
    Jobscript,
    Probe,
    RecordProbe,
    RecordResults,
    RecordResultsReply,
)
from services.allocator import signed
from services.allocator.dependencies import Claiming, Knowing
from services.allocator.signed import KIBIBYTE, MEBIBYTE
from services.dependencies import Running

router = APIRouter(prefix="/api/allocator", tags=["allocator"])

Small = Annotated[SignedRequest, Depends(signed.within(64 * KIBIBYTE))]
WithLog = Annotated[SignedRequest, Depends(signed.within(256 * KIBIBYTE))]
WithOutputs = Annotated[SignedRequest, Depends(signed.within(64 * MEBIBYTE))]


def _takes(model: type[BaseModel]) -> dict[str, Any]:
    """Document the body, which is read by hand because its very bytes are signed."""
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": model.model_json_schema()}}}}


@router.post("/get_jobscript", openapi_extra=_takes(GetJobscript))
def get_jobscript(runtime: Running, secrets: Knowing, request: Small) -> Jobscript | Probe:
    """Choose the stage for a slot that starts, and answer with its work; a probe has its own."""
    job = calls.noted(runtime, secrets, request, Key.JOB)
    work = starts.start(runtime, job, calls.message(GetJobscript, request))
    if work is None:
        raise NoWork
    return work


@router.post("/get_file", response_class=PlainTextResponse, openapi_extra=_takes(GetFile))
def get_file(runtime: Running, claims: Claiming, secrets: Knowing, request: Small) -> PlainTextResponse:
    """Give the job its next input: `DID PFN RSE`."""
    job = calls.noted(runtime, secrets, request, Key.JOBSCRIPT)
    offer = allocation.next_file(runtime, claims, job)
    if offer.file is None:
        raise NoFile(offer.why)
    return PlainTextResponse(f"{offer.file.did} {offer.file.pfn} {offer.file.rse}\n")


@router.post("/get_allocated_files", response_class=PlainTextResponse, openapi_extra=_takes(GetAllocatedFiles))
def get_allocated_files(runtime: Running, request: Small) -> PlainTextResponse:
    """List the inputs that the job was given so far, one DID a line."""
    with calls.opened(runtime, request, Key.JOBSCRIPT) as (session, job):
        dids = allocation.allocated_dids(session, job)
    return PlainTextResponse("".join(f"{did}\n" for did in dids))


@router.post("/send_heartbeat", openapi_extra=_takes(Heartbeat))
def send_heartbeat(runtime: Running, request: WithLog) -> HeartbeatReply:
    """Note that the job lives, and say whether it should go on."""
    with calls.opened(runtime, request, Key.JOB) as (session, job):
        return heartbeats.hear(session, job, calls.message(Heartbeat, request))


@router.post("/record_results", openapi_extra=_takes(RecordResults))
def record_results(runtime: Running, request: WithOutputs) -> RecordResultsReply:
    """Take the report of a jobscript that ended, and say where each output may go."""
    return results.record(runtime, request)


@router.post("/confirm_results", openapi_extra=_takes(ConfirmResults))
def confirm_results(runtime: Running, request: WithOutputs) -> JobReply:
    """Take the word of the wrapper that every output lies where it should."""
    with calls.opened(runtime, request, Key.JOB) as (session, job):
        return confirmations.confirm(session, job, calls.message(ConfirmResults, request))


@router.post("/confirm_logs", openapi_extra=_takes(ConfirmLogs))
def confirm_logs(runtime: Running, request: Small) -> JobReply:
    """Take the word of the wrapper that the job's logs lie where they should; jobs that have ended say it too."""
    with calls.opened(runtime, request, Key.JOB) as (session, job):
        return log_offers.confirm(session, job, calls.message(ConfirmLogs, request))


@router.post("/record_probe", openapi_extra=_takes(RecordProbe))
def record_probe(runtime: Running, request: WithOutputs) -> JobReply:
    """Take what a probe found at the storages; it is over then."""
    with calls.opened(runtime, request, Key.JOB) as (session, job):
        found = calls.message(RecordProbe, request)
        return probe_jobs.record(session, job, found, runtime.settings.probes)


@router.post("/job_aborted", openapi_extra=_takes(JobAborted))
def job_aborted(runtime: Running, request: WithLog) -> JobReply:
    """End a job that its wrapper gives up."""
    with calls.opened(runtime, request, Key.JOB) as (session, job):
        return aborts.abort(session, job, calls.message(JobAborted, request))
