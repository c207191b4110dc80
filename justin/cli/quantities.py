"""Times, sizes and durations as people read them; every one says its unit."""

from datetime import UTC, datetime

NOTHING = "-"
"""What stands in an empty cell, so that columns stay columns for awk."""

_KIB = 1024
_UNITS = ("KiB", "MiB", "GiB", "TiB", "PiB")
_MINUTE_SECONDS = 60
_HOUR_SECONDS = 3600
_DAY_SECONDS = 86_400


def utc(time: datetime | None) -> str:
    """Write a time to the second, in UTC; the column's title says so."""
    return time.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S") if time else NOTHING


def size(size_bytes: int | None) -> str:
    """Write a size with a binary unit."""
    if size_bytes is None:
        return NOTHING
    if size_bytes < _KIB:
        return f"{size_bytes} B"
    power = min((size_bytes.bit_length() - 1) // 10, len(_UNITS))
    return f"{size_bytes / _KIB**power:.1f} {_UNITS[power - 1]}"


def duration(seconds: float | None) -> str:
    """Write a duration in its two largest units."""
    if seconds is None:
        return NOTHING
    if seconds < _MINUTE_SECONDS:
        return f"{seconds:.3g} s"
    whole = round(seconds)
    if whole < _HOUR_SECONDS:
        return f"{whole // _MINUTE_SECONDS} min {whole % _MINUTE_SECONDS:02d} s"
    if whole < _DAY_SECONDS:
        return f"{whole // _HOUR_SECONDS} h {whole % _HOUR_SECONDS // _MINUTE_SECONDS:02d} min"
    return f"{whole // _DAY_SECONDS} d {whole % _DAY_SECONDS // _HOUR_SECONDS:02d} h"


def number(value: float | None) -> str:
    """Write a number, or the sign for none."""
    return NOTHING if value is None else str(value)


def truth(value: bool) -> str:  # noqa: FBT001 - the value is what it is about
    """Write yes or no."""
    return "yes" if value else "no"
