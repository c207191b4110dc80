"""The calls of SAM's clients, such as art's: next file, and what became of it.

The jobscript's secret is part of the address; ifdh and art ask no more than the forms below.
"""

from typing import Annotated
from urllib.parse import parse_qsl

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import PlainTextResponse

from engine import allocation, calls
from services import bodies
from services.allocator.dependencies import Claiming
from services.dependencies import Running

router = APIRouter(prefix="/api/samweb/{jobsub_id}/{secret}", tags=["samweb"])

NO_MORE_FILES = 204
FORM_LIMIT_BYTES = 64 << 10


async def _form(request: Request) -> dict[str, str]:
    body = await bodies.read(request, FORM_LIMIT_BYTES)
    return dict(parse_qsl(body.decode(errors="replace")))


Form = Annotated[dict[str, str], Depends(_form)]


@router.post("/processes/{process}/getNextFile", response_class=PlainTextResponse)
def get_next_file(runtime: Running, claims: Claiming, jobsub_id: str, secret: str, process: str) -> Response:  # noqa: ARG001  SAM's address
    """Give the job the address of its next input; 204 when there is none."""
    with calls.opened_by_path(runtime, jobsub_id, secret) as (_, job):
        pass
    offer = allocation.next_file(runtime, claims, job)
    return PlainTextResponse(offer.file.pfn) if offer.file else Response(status_code=NO_MORE_FILES)


@router.post("/processes/{process}/updateFileStatus", response_class=PlainTextResponse)
@router.post("/processes/{process}/setStatus", response_class=PlainTextResponse)
def set_status(runtime: Running, jobsub_id: str, secret: str, process: str, form: Form) -> PlainTextResponse:  # noqa: ARG001  as above
    """Take a file for processed when it is `consumed`; other states need nothing done."""
    with calls.opened_by_path(runtime, jobsub_id, secret) as (session, job):
        allocation.note_status(session, job, form.get("status", ""), form.get("filename", ""))
    return PlainTextResponse("")
