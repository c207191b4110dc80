"""When agents run out of turn: soon while their work changes, ever more rarely while it does not."""

import os
import subprocess
import sys
from itertools import pairwise

from flows.worker.identity import has_died, own_name
from flows.worker.nudges import FIRST_GAP_SECONDS, LAST_GAP_SECONDS, Nudges


def runs(nudges: Nudges, work: dict[str, int], until: float, start: float = 0.0) -> list[float]:
    """Look ten times a second, and return when the outputs ran."""
    times = [start + tenth / 10 for tenth in range(int((until - start) * 10) + 1)]
    return [now for now in times if "outputs" in nudges.due(work, now)]


def test_work_is_begun_at_once() -> None:
    assert Nudges().due({"outputs": 1, "finder": 0}, now=0.0) == ["outputs"]


def test_the_same_work_is_tried_ever_more_rarely() -> None:
    gaps = [round(later - earlier) for earlier, later in pairwise(runs(Nudges(), {"outputs": 5}, 200))]
    assert gaps[:3] == [FIRST_GAP_SECONDS, 2 * FIRST_GAP_SECONDS, 4 * FIRST_GAP_SECONDS]
    assert set(gaps[4:]) == {LAST_GAP_SECONDS}


def test_changing_work_is_followed_closely() -> None:
    nudges = Nudges()
    assert nudges.due({"outputs": 1}, 0.0)
    assert not nudges.due({"outputs": 2}, FIRST_GAP_SECONDS - 0.1)
    for turn in range(1, 9):
        assert nudges.due({"outputs": turn % 2}, turn * FIRST_GAP_SECONDS) == (["outputs"] if turn % 2 else [])


def test_work_that_was_done_is_forgotten() -> None:
    nudges = Nudges()
    runs(nudges, {"outputs": 5}, 100)
    assert nudges.due({"outputs": 0}, 101.0) == []
    again = runs(nudges, {"outputs": 5}, 200, start=140)
    assert again[1] - again[0] == FIRST_GAP_SECONDS


def test_a_worker_knows_itself_and_the_dead() -> None:
    assert not has_died(own_name())
    child = subprocess.run(
        [sys.executable, "-c", "from flows.worker.identity import own_name; print(own_name())"],
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    assert has_died(child.stdout.strip())
    recycled = own_name().rsplit(".", 1)[0] + ".1"
    assert has_died(recycled)


def test_nothing_is_known_of_other_machines() -> None:
    host, pid, start = own_name().rsplit(".", 2)
    assert not has_died(f"{host}x.{pid}.1")
    assert not has_died("a name that somebody gave")
    assert int(pid) == os.getpid()
    assert start.isdigit()
