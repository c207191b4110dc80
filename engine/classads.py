"""Which attributes a user may add to the ads of jobs: those that mean nothing to the batch system itself.

It is said what is allowed, not what is forbidden: a list of HTCondor's own attributes would lack its next version's.
"""

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase

from engine.errors import InvalidInput

EXPANDED = "$$"
"""HTCondor replaces `$$(...)`, and evaluates `$$([...])`, in any attribute when a job starts."""


def is_allowed(name: str, value: str, patterns: Iterable[str]) -> bool:
    """Say whether a user may set an attribute to a value; names mean the same in any case, as in ads."""
    folded = name.lower()
    known = folded.isascii() and folded.isidentifier()
    return known and EXPANDED not in value and any(fnmatchcase(folded, pattern.lower()) for pattern in patterns)


def check(classads: Mapping[str, str], patterns: Iterable[str]) -> None:
    """Raise `InvalidInput` when a user may not set one of the attributes."""
    allowed = list(patterns)
    for name, value in classads.items():
        if EXPANDED in value:
            raise InvalidInput(f"the ClassAd {name} must not contain {EXPANDED}, which HTCondor would replace")
        if not is_allowed(name, value, allowed):
            raise InvalidInput(f"the ClassAd {name} cannot be set: names that can look like {', '.join(allowed)}")
