"""A user's token for scratch space: given, told of, forgotten, and never told."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from cryptography.fernet import Fernet
from sqlalchemy import text

from engine.runtime import Runtime
from engine.settings import Scratch
from services.api.app import create_app
from tests.support.serving import serving

GIVEN = {"token": "very-secret", "expires_at": "2999-01-01T00:00:00Z", "reason": "a new one"}


@pytest.fixture
def keeping(runtime: Runtime, tmp_path: Path) -> Iterator[httpx.Client]:
    """A client of an API that keeps tokens."""
    keys = tmp_path / "keys"
    keys.write_bytes(Fernet.generate_key())
    settings = runtime.settings.model_copy(update={"scratch": Scratch(key_file=keys)})
    with (
        serving(create_app(replace(runtime, settings=settings))) as url,
        httpx.Client(base_url=f"{url}/api/v1", timeout=60) as client,
    ):
        yield client


def test_a_token_is_told_to_nobody(keeping: httpx.Client, runtime: Runtime) -> None:
    answers = [keeping.post("/scratch-token", json=GIVEN), keeping.get("/scratch-token"), keeping.get("/events")]
    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert answers[1].json()["expires_at"].startswith("2999-01-01T00:00:00")
    assert not [answer for answer in answers if "very-secret" in answer.text]
    with runtime.session() as session:
        (sealed,) = session.connection().execute(text("SELECT sealed FROM scratch_tokens")).scalars().all()
    assert b"very-secret" not in bytes(sealed)


def test_acts_on_a_token_are_events(keeping: httpx.Client) -> None:
    keeping.post("/scratch-token", json=GIVEN)
    assert keeping.post("/scratch-token/forget", json={"reason": "it leaked"}).json() == {"moved": 1}
    assert keeping.post("/scratch-token/forget").json() == {"moved": 0}
    assert keeping.get("/scratch-token").status_code == httpx.codes.NOT_FOUND

    last, first = keeping.get("/events").json()["items"]
    assert (first["event_type"], last["event_type"]) == ("scratch_access_given", "scratch_access_withdrawn")
    assert (first["details"]["from"], first["details"]["message"]) == (None, "a new one")
    assert first["details"]["to"] == last["details"]["from"]
    assert (last["source"], last["details"]["message"]) == ("api", "it leaked")


@pytest.mark.parametrize(
    "given", [{"token": "very-secret"}, {"token": "very secret"}, {"token": "very-secret", "x": 1}]
)
def test_a_token_of_no_use_is_refused_and_not_repeated(keeping: httpx.Client, given: dict[str, str]) -> None:
    answer = keeping.post("/scratch-token", json=given)
    assert answer.status_code == httpx.codes.BAD_REQUEST
    assert "secret" not in answer.text


def test_a_server_without_a_key_keeps_no_tokens(api: httpx.Client) -> None:
    answer = api.post("/scratch-token", json=GIVEN)
    assert answer.status_code == httpx.codes.BAD_REQUEST
    assert "key" in answer.json()["detail"]
