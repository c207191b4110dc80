"""The settings of the reconciler."""

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, Field


class Reconciler(BaseModel):
    """Comparing the database, MetaCat, Rucio and the bytes at storages."""

    page: Annotated[int, Field(ge=1, le=1000)] = 500
    """Outputs that are compared in one go."""
    running_seconds: Annotated[float, Field(gt=0)] = 6 * 3600.0
    """How often the outputs of unfinished workflows are checked."""
    finished_seconds: Annotated[float, Field(gt=0)] = 86_400.0
    """When a finished workflow is checked again after the first time; the pause doubles with each check."""
    rarest_seconds: Annotated[float, Field(gt=0)] = 90 * 86_400.0
    """The longest such pause."""
    verify_seconds: Annotated[float, Field(ge=0)] = 600.0
    """When a workflow is checked again after repairs."""
    bytes: bool = True
    """Whether files at storages that this machine sees, by a path or by HTTPS, are looked at."""
    checksum_share: Annotated[float, Field(ge=0, le=1)] = 0.01
    """The share of such files that is read in each check, to compare the checksum; others' sizes are compared."""
    token_file: Path | None = None
    """Holds the token with which files are looked at by HTTPS."""
    ca_path: Path | None = None
    """File, or directory as OpenSSL has them, of the CA certificates of storages at HTTPS; Python's own without it."""
    timeout_seconds: Annotated[float, Field(gt=0)] = 60.0
    """For a look at a file by HTTPS."""
    lease_seconds: Annotated[float, Field(gt=0)] = 600.0
    """When a check whose agent has died is gone on with by another."""
    slice_seconds: Annotated[float, Field(gt=0)] = 300.0
    """After that other workflows have their turn."""
    first_retry_seconds: Annotated[float, Field(gt=0)] = 60.0
    """When a check goes on after a service did not answer; the pause doubles with each."""
    last_retry_seconds: Annotated[float, Field(gt=0)] = 3600.0
    """The longest such pause."""
