"""Who a request is from."""

from collections.abc import Collection

from engine.errors import NotAllowed
from engine.rights import Caller
from models import callers
from models.database import Session


def identify(session: Session, name: str, administrators: Collection[str] = ()) -> Caller:
    """Return the caller of that name, made known when it is the first time; raises `NotAllowed` for a disabled one."""
    user = callers.known_user(session, name)
    if not user.enabled:
        raise NotAllowed(f"The user {name} is disabled. {user.disabled_reason}".strip())
    return Caller(user.user_id, user.name, user.groups, user.is_admin or name in administrators)
