"""Addresses in scratch space: at most a thousand files in a directory, whatever happens at once; and tokens."""

import base64
import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from pydantic import ValidationError

from engine import scratch, scratch_tokens, sealing
from engine.errors import InvalidInput
from engine.produced import Produced
from engine.runtime import Runtime
from engine.scratch import Owner
from engine.sealing import NotSealed
from justin.schemas.jobs import ProducedFile
from justin.schemas.metadata import Checked
from justin.schemas.specs import OutputSpec, ScratchTokenSpec
from models import reports
from models.reports import StagePattern
from tests.support.makers import key, make_output_pattern, make_stage

OWNER = Owner("usertests", 504, 2)
PLACE = "https://dav.example.org:2880/users/alice"
NOW = datetime(2026, 8, 1, tzinfo=UTC)


def test_the_address_has_instance_workflow_and_stage() -> None:
    assert scratch.directory(f"{PLACE}/", OWNER, "INT") == f"{PLACE}/INT/00504/2"
    assert scratch.directory(f"{PLACE}/JUSTIN_SCOPE", OWNER, "") == f"{PLACE}/usertests/00504/2"


@pytest.mark.parametrize(
    "address", ["https://", "https:///a", "https://u:p@h/a", "https://h/a?b", "https://h/../a", "https://h/a b"]
)
def test_an_address_that_is_no_place_is_refused(address: str) -> None:
    with pytest.raises(ValidationError, match="https:// destination"):
        OutputSpec(pattern="*", destination=address)


def produced(name: str, pattern: StagePattern) -> Produced:
    file = ProducedFile(name=name, pattern_id=pattern.pattern_id, size_bytes=1, adler32="00000001")
    return Produced(f"usertests:{name}", file, pattern, Checked())


def test_jobs_at_once_never_put_more_than_a_thousand_files_into_a_directory(runtime: Runtime) -> None:
    with runtime.session() as session:
        stage = make_stage(session)
        # The same directory in two ways, and another one.
        for number, destination in enumerate((PLACE, f"{PLACE}/", f"{PLACE}/else"), start=1):
            make_output_pattern(session, stage, destination=destination, pattern_id=number)
        patterns = reports.stage_patterns(session, key(stage.stage_id))

    def job(number: int) -> list[str]:
        # Each makes 130 files of both kinds that share a directory, and every fifth job then comes to nothing.
        outputs = [produced(f"{number}-{each}", patterns[each % 2]) for each in range(130)]
        with runtime.session() as session:
            found = scratch.targets(session, outputs, patterns, OWNER, "")
        return [] if number % 5 == 0 else [target.url for (target,) in found.values()]

    with ThreadPoolExecutor(8) as threads:
        urls = [url for made in threads.map(job, range(40)) for url in made]
    held = Counter(url.rpartition("/")[0] for url in urls)

    assert len(urls) == len(set(urls)) == 32 * 130
    assert set(held) <= {f"{PLACE}/00504/2/{number}" for number in range(1, 7)}
    assert max(held.values()) <= 1000


def token(**claims: float) -> str:
    """A JSON web token that nobody has signed."""
    body = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"e30.{body}.c2lnbmVk"


def test_a_token_is_good_for_as_long_as_it_says_itself() -> None:
    end = NOW + timedelta(hours=3)
    said = ScratchTokenSpec(token=token(exp=end.timestamp()), expires_at=NOW + timedelta(days=3))
    assert scratch_tokens.expiry(said, NOW) == end
    assert scratch_tokens.expiry(ScratchTokenSpec(token="opaque", expires_at=end), NOW) == end


@pytest.mark.parametrize("text", ["opaque", "a.b.c", token(), token(exp=1.0), token(exp=1e300)])
def test_a_token_that_is_over_or_does_not_say_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        scratch_tokens.expiry(ScratchTokenSpec(token=text), NOW)


def test_what_is_sealed_is_read_with_older_keys_and_with_no_others(tmp_path: Path) -> None:
    old, new, other = (Fernet.generate_key().decode() for _ in range(3))
    keys = tmp_path / "keys"
    keys.write_text(old)
    sealed = sealing.seal(keys, "secret")
    assert b"secret" not in sealed

    keys.write_text(f"{new}\n{old}\n")
    assert sealing.unseal(keys, sealed) == "secret"
    keys.write_text(other)
    with pytest.raises(NotSealed):
        sealing.unseal(keys, sealed)
