"""The API, called as a program on this machine calls it."""

from collections.abc import Iterator

import httpx
import pytest

from engine.runtime import Runtime
from services.api.app import create_app
from tests.support.makers import make_scope
from tests.support.serving import serving


@pytest.fixture
def api(runtime: Runtime) -> Iterator[httpx.Client]:
    """A client of the API with no catalogue behind it, and the scope `usertests` for everybody."""
    with runtime.session() as session:
        make_scope(session)
    with serving(create_app(runtime)) as url, httpx.Client(base_url=f"{url}/api/v1", timeout=60) as client:
        yield client
