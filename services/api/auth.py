"""Who the caller of the API is: until there is sign-in, the one local user."""

import getpass
from dataclasses import replace
from typing import Annotated

from fastapi import Depends, Request

from engine import people
from engine.rights import Caller
from justin.states import SOURCE_HEADER, Source
from services import problems
from services.api import loopback
from services.dependencies import Running


def _caller(request: Request, runtime: Running) -> Caller:
    loopback.require(request)
    settings = runtime.settings.api
    with runtime.session() as session:
        caller = people.identify(session, settings.local_user or getpass.getuser(), settings.administrators)
    problems.note_that_it_may_act(request)
    return replace(caller, source=_source(request))


def _source(request: Request) -> Source:
    """Return by which way the person says to act: our command line and dashboard say so, all else is the API."""
    told = request.headers.get(SOURCE_HEADER, "")
    return Source(told) if told in set(Source) else Source.API


Calling = Annotated[Caller, Depends(_caller)]
"""The caller; a route that takes it is closed to everybody else."""
