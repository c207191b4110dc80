"""Signatures open what they should and nothing else."""

from dataclasses import replace

import pytest

from engine import signing
from engine.errors import ClockSkew, SignatureInvalid
from engine.signing import SignedRequest

NOW = 1_785_600_000
SECRET = "0123456789abcdef" * 4
UNSIGNED = SignedRequest(
    "POST", "/api/allocator/get_file", "1.0@schedd", str(NOW), "9f" * 16, "", b'{"method":"get_file"}'
)
REQUEST = replace(UNSIGNED, signature=signing.sign(SECRET, UNSIGNED))


def verify(request: SignedRequest, secret: str = SECRET, now: float = NOW) -> None:
    signing.verify(secret, request, now, window_seconds=300)


def test_signature_of_the_holder_is_accepted() -> None:
    verify(REQUEST)


def test_signature_is_the_hmac_that_the_protocol_writes_down() -> None:
    # Made with: printf '%s' "$text" | openssl dgst -sha256 -hmac "$secret"
    assert REQUEST.signature == "bf092c2ad923e4e975ed6b633698c7de88cf468f43527cdd6ed47b6f5b47424e"


@pytest.mark.parametrize(
    "changed",
    [
        replace(REQUEST, method="PUT"),
        replace(REQUEST, path="/api/allocator/record_results"),
        replace(REQUEST, time=str(NOW + 1)),
        replace(REQUEST, nonce="9e" * 16),
        replace(REQUEST, body=b"{}"),
        replace(REQUEST, signature=""),
        replace(REQUEST, signature="ä\ud800"),
        replace(REQUEST, nonce="short"),
        replace(REQUEST, time="-1"),
        replace(REQUEST, time="١٢٣"),
    ],
)
def test_a_changed_request_is_refused(changed: SignedRequest) -> None:
    with pytest.raises(SignatureInvalid):
        verify(changed)


def test_another_secret_is_refused() -> None:
    with pytest.raises(SignatureInvalid):
        verify(REQUEST, secret="f" * 64)


@pytest.mark.parametrize("seconds", [-301, 301])
def test_an_old_or_early_request_is_told_of_its_clock(seconds: int) -> None:
    with pytest.raises(ClockSkew, match="301 s off"):
        verify(REQUEST, now=NOW + seconds)


@pytest.mark.parametrize("seconds", [-300, 300])
def test_the_edge_of_the_window_is_inside(seconds: int) -> None:
    verify(REQUEST, now=NOW + seconds)


def test_only_the_holder_learns_of_a_wrong_clock() -> None:
    with pytest.raises(SignatureInvalid):
        verify(REQUEST, secret="f" * 64, now=NOW + 1000)
