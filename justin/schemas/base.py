"""What every message on the wire has in common."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints


class Message(BaseModel):
    """A message that refuses fields it does not know, so that a typing mistake is never silently ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True)


Scope = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,24}$")]
"""A Rucio scope, which is also a MetaCat namespace."""

FileName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.+=-]{0,249}$")]
"""The name of a file as Rucio and MetaCat both take it."""

RSEName = Annotated[str, StringConstraints(pattern=r"^[A-Z0-9][A-Z0-9_-]{0,254}$")]

SiteName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$")]

Text = Annotated[str, StringConstraints(max_length=4096, pattern=r"^[^\x00]*$")]
"""Free text of a person: any characters but NUL, which PostgreSQL does not store."""

SAFE_INTEGER = 2**53 - 1
"""The largest integer that JSON readers in every language keep exactly."""
