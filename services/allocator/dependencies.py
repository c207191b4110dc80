"""What the allocator keeps for its process beside the runtime."""

from typing import Annotated

from fastapi import Depends, Request

from engine.calls import Secrets
from engine.ranks import Ranks
from models.claims import Claims


async def _claims(request: Request) -> Claims:
    claims: Claims = request.app.state.claims
    return claims


async def _secrets(request: Request) -> Secrets:
    secrets: Secrets = request.app.state.secrets
    return secrets


async def _ranks(request: Request) -> Ranks:
    ranks: Ranks = request.app.state.ranks
    return ranks


Claiming = Annotated[Claims, Depends(_claims)]
Knowing = Annotated[Secrets, Depends(_secrets)]
Ranking = Annotated[Ranks, Depends(_ranks)]
