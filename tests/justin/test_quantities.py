"""Times, sizes and durations as people read them."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from justin.cli import quantities


@pytest.mark.parametrize(
    ("size_bytes", "text"),
    [
        (None, "-"),
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (1536, "1.5 KiB"),
        (1024**2 - 1, "1024.0 KiB"),
        (1024**2, "1.0 MiB"),
        (2000 * 1024**2, "2.0 GiB"),
        (3 * 1024**5, "3.0 PiB"),
        (3000 * 1024**5, "3000.0 PiB"),
    ],
)
def test_sizes(size_bytes: int | None, text: str) -> None:
    assert quantities.size(size_bytes) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "-"),
        (0, "0 s"),
        (1.234, "1.23 s"),
        (59.4, "59.4 s"),
        (60, "1 min 00 s"),
        (3599, "59 min 59 s"),
        (3599.9, "1 h 00 min"),
        (80_000, "22 h 13 min"),
        (86_400, "1 d 00 h"),
        (604_800, "7 d 00 h"),
    ],
)
def test_durations(seconds: float | None, text: str) -> None:
    assert quantities.duration(seconds) == text


def test_times_are_in_utc_whatever_zone_they_come_in() -> None:
    paris = datetime(2026, 8, 1, 14, 0, 5, tzinfo=timezone(timedelta(hours=2)))

    assert quantities.utc(paris) == quantities.utc(datetime(2026, 8, 1, 12, 0, 5, tzinfo=UTC)) == "2026-08-01 12:00:05"
    assert quantities.utc(None) == "-"
