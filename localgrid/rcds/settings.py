"""What the server is told in its configuration file."""

from pathlib import Path
from typing import Self

from pydantic import BaseModel, Field

DAY_SECONDS = 86_400.0


class Settings(BaseModel):
    """The whole configuration."""

    port: int
    directory: Path
    """Where nodes see the repositories, as they see /cvmfs."""
    queue_directory: Path
    """Tars that are to be published."""
    repositories: list[str]
    token_file: Path
    """Holds the token of those who may publish."""
    delay_seconds: float = Field(default=0.5, ge=0)
    """How long it takes until nodes see what was sent."""
    lifetime_seconds: float = Field(default=30 * DAY_SECONDS, gt=0)
    """How long it stays unless it is renewed."""
    max_bytes: int = Field(default=2 << 30, gt=0)

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a configuration file."""
        return cls.model_validate_json(path.read_text())
