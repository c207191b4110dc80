"""The token with which a user's jobs write into scratch space: kept sealed, and told to nobody but those jobs."""

import base64
import json
from datetime import UTC, datetime
from pathlib import Path

from engine import sealing
from engine.errors import InvalidInput, NotFound
from engine.rights import Caller
from engine.settings import Scratch
from justin.schemas.specs import ScratchTokenSpec
from justin.schemas.views import ScratchTokenView
from justin.states import EventType
from models import events, scratch
from models.database import Session


def put(session: Session, caller: Caller, settings: Scratch, spec: ScratchTokenSpec) -> None:
    """Keep the caller's token in the place of the one before; raises `InvalidInput` for one that is of no use."""
    key_file = _key_file(settings)
    expires_at = expiry(spec, datetime.now(UTC))
    before = scratch.put_token(session, caller.user_id, sealing.seal(key_file, spec.token), expires_at)
    _log(session, EventType.SCRATCH_ACCESS_GIVEN, caller, before, expires_at, spec.reason)


def shown(session: Session, caller: Caller) -> ScratchTokenView:
    """Tell of the caller's token all but the token itself; raises `NotFound`."""
    kept = scratch.token_of_user(session, caller.user_id)
    if kept is None:
        raise NotFound("You have given no token for scratch space: do so with `justin set-token`.")
    return ScratchTokenView(user=caller.name, set_at=kept.set_at, expires_at=kept.expires_at)


def forget(session: Session, caller: Caller, reason: str) -> bool:
    """Forget the caller's token; False when there is none."""
    before = scratch.drop_token(session, caller.user_id)
    if before is not None:
        _log(session, EventType.SCRATCH_ACCESS_WITHDRAWN, caller, before, None, reason)
    return before is not None


def expiry(spec: ScratchTokenSpec, now: datetime) -> datetime:
    """Say until when a token is good: as the user says, and never longer than the token itself says.

    Raises `InvalidInput` when neither does, or that is over.
    """
    said = [moment for moment in (spec.expires_at, _claimed(spec.token)) if moment]
    if not said:
        raise InvalidInput("The token does not say when it expires: say it (--hours).")
    if min(said) <= now:
        raise InvalidInput(f"The token has expired: it was good until {min(said):%Y-%m-%d %H:%M:%S} UTC.")
    return min(said)


def _claimed(token: str) -> datetime | None:
    """Read when a JSON web token (RFC 7519) expires; None for another kind. Whether it is true is not ours to judge."""
    body = token.split(".")[1:2]
    try:
        claims = json.loads(base64.urlsafe_b64decode(body[0] + "=" * (-len(body[0]) % 4))) if body else {}
        return datetime.fromtimestamp(float(claims["exp"]), UTC)
    except (ValueError, KeyError, TypeError, OverflowError, OSError):
        return None


def _key_file(settings: Scratch) -> Path:
    if settings.key_file is None:
        raise InvalidInput("This server keeps no tokens: its operator has set no key for them (scratch.key_file).")
    return settings.key_file


def _log(
    session: Session,
    event_type: EventType,
    caller: Caller,
    before: datetime | None,
    after: datetime | None,
    reason: str,
) -> None:
    said = {"from": before and before.isoformat(), "to": after and after.isoformat()}
    events.add(session, event_type, caller.because(reason, said))
