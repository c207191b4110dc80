"""What the server is told in its configuration file."""

from pathlib import Path
from typing import Self

from pydantic import BaseModel, Field


class User(BaseModel):
    """A user that has to exist."""

    name: str
    password_file: Path


class Settings(BaseModel):
    """The whole configuration; it holds a database password, so only its owner may read the file."""

    port: int
    database_url: str = Field(repr=False)
    token_key_file: Path
    users: list[User]
    # The first user owns them.
    namespaces: list[str]

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a configuration file."""
        return cls.model_validate_json(path.read_text())
