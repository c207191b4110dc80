"""The allocator behind a real HTTP server, and jobs that call it."""

from collections.abc import Callable, Iterator

import pytest

from engine.runtime import Runtime
from models.jobs import Job
from services.allocator.app import create_app
from tests.support.serving import serving
from tests.support.signed_job import SignedJob


@pytest.fixture(scope="session")
def allocator(lasting_runtime: Runtime) -> Iterator[str]:
    """The address of an allocator with no catalogue behind it."""
    with serving(create_app(lasting_runtime)) as url:
        yield url


@pytest.fixture
def calling(allocator: str) -> Callable[[Job], SignedJob]:
    """Turn a job of the database into one that calls."""
    return lambda job: SignedJob.of(allocator, job)
