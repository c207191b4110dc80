"""The API, called as a program on this machine calls it."""

from collections.abc import Iterator

import httpx
import pytest

from engine.runtime import Runtime
from services.api.app import create_app
from tests.support.makers import make_scope
from tests.support.serving import serving


@pytest.fixture(scope="session")
def api_url(lasting_runtime: Runtime) -> Iterator[str]:
    """The address of an API with no catalogue behind it."""
    with serving(create_app(lasting_runtime)) as url:
        yield url


@pytest.fixture
def api(api_url: str, runtime: Runtime) -> Iterator[httpx.Client]:
    """A client of the API, and the scope `usertests` for everybody."""
    with runtime.session() as session:
        make_scope(session)
    with httpx.Client(base_url=f"{api_url}/api/v1", timeout=60) as client:
        yield client
