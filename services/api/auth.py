"""Who the caller of the API is: until there is sign-in, the one local user."""

import getpass
from typing import Annotated

from fastapi import Depends, Request

from engine import people
from engine.rights import Caller
from services import problems
from services.api import loopback
from services.dependencies import Running


def _caller(request: Request, runtime: Running) -> Caller:
    loopback.require(request)
    settings = runtime.settings.api
    with runtime.session() as session:
        caller = people.identify(session, settings.local_user or getpass.getuser(), settings.administrators)
    problems.note_that_it_may_act(request)
    return caller


Calling = Annotated[Caller, Depends(_caller)]
"""The caller; a route that takes it is closed to everybody else."""
