"""The wrapper's signatures, as the server reads them."""

import pytest

from engine.errors import ClockSkew, SignatureInvalid
from engine.signing import SignedRequest, verify
from tests.support.scripted_allocator import JOBSUB_ID, SECRET
from wrapper import signing

NOW = 1_785_600_000


def signed(body: bytes = b"{}", path: str = "/api/allocator/record_results") -> SignedRequest:
    headers = signing.headers(JOBSUB_ID, SECRET, path, body, NOW)
    return SignedRequest(
        method="POST",
        path=path,
        jobsub_id=headers["X-Justin-Job"],
        time=headers["X-Justin-Time"],
        nonce=headers["X-Justin-Nonce"],
        signature=headers["X-Justin-Signature"],
        body=body,
    )


def test_server_takes_a_signature_of_the_wrapper() -> None:
    verify(SECRET, signed(), NOW + 299, 300)


def test_server_refuses_it_for_another_secret_or_time() -> None:
    with pytest.raises(SignatureInvalid):
        verify(SECRET[::-1], signed(), NOW, 300)
    with pytest.raises(ClockSkew):
        verify(SECRET, signed(), NOW + 301, 300)


def test_every_call_has_a_nonce_of_its_own() -> None:
    assert signed().nonce != signed().nonce
