"""The job ad and the machine ad that HTCondor leaves beside a job, as far as they hold plain values."""

import os
import re
from typing import Callable, Dict, Optional, Union

Value = Union[str, int, float, bool]
Ad = Dict[str, Value]

LINE = re.compile(r"^\s*([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*?)\s*$")
TEXT = re.compile(r'^"((?:[^"\\]|\\.)*)"$')


def read(path: Optional[str]) -> Ad:
    """Read the ad in a file of `Name = value` lines; names are in lower case, expressions are left out.

    A node outside HTCondor has no ads: a missing file is an empty one.
    """
    if not path or not os.path.isfile(path):
        return {}
    with open(path, encoding="utf-8", errors="replace") as lines:
        return parse(lines.read())


def parse(text: str) -> Ad:
    """Read an ad from its text."""
    ad: Ad = {}
    for line in text.splitlines():
        found = LINE.match(line)
        value = _value(found.group(2)) if found else None
        if found and value is not None:
            ad[found.group(1).lower()] = value
    return ad


def integer(ad: Ad, *names: str) -> Optional[int]:
    """Return the first of some attributes that is a positive number."""
    for name in names:
        value = ad.get(name.lower())
        if isinstance(value, (int, float)) and not isinstance(value, bool) and value > 0:
            return int(value)
    return None


def text(ad: Ad, *names: str) -> str:
    """Return the first of some attributes that is set, as text, or nothing."""
    return next((str(ad[name.lower()]) for name in names if name.lower() in ad), "")


def _value(written: str) -> Optional[Value]:
    quoted = TEXT.match(written)
    if quoted:
        return re.sub(r"\\(.)", r"\1", quoted.group(1))
    if written.lower() in {"true", "false"}:
        return written.lower() == "true"
    return _number(int, written) or _number(float, written)


def _number(kind: Callable[[str], Union[int, float]], written: str) -> Optional[Value]:
    try:
        return kind(written)
    except ValueError:
        return None
