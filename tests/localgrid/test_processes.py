"""Supervision of single components."""

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from localgrid import processes
from localgrid.components import in_order, start_all, stop_all
from localgrid.errors import ComponentError, GridError
from localgrid.identity import Identity
from localgrid.processes import Component
from tests.support.waiting import wait_until

ROOT = Path(__file__).resolve().parents[2]


def component(name: str = "sleeper", *, script: str = "exec sleep 600", needs: tuple[str, ...] = ()) -> Component:
    return Component(name=name, command=("/bin/sh", "-c", script), needs=needs, ready_seconds=5)


def identity(directory: Path, name: str = "sleeper") -> Identity:
    known = processes.record(directory, name)
    assert known
    assert known.identity
    return known.identity


def test_started_twice_runs_once(tmp_path: Path) -> None:
    assert processes.start(tmp_path, component())
    first = identity(tmp_path)
    assert not processes.start(tmp_path, component())
    assert identity(tmp_path) == first
    assert processes.stop(tmp_path, "sleeper")
    assert not first.alive()


def test_component_that_dies_while_it_is_looked_at_is_started_anew(tmp_path: Path) -> None:
    processes.start(tmp_path, component())
    first = identity(tmp_path)

    def ready() -> bool:
        if identity(tmp_path) == first:
            os.kill(first.pid, signal.SIGKILL)
            return False
        return True

    assert processes.start(tmp_path, replace(component(), ready=ready))
    assert identity(tmp_path) != first
    processes.stop(tmp_path, "sleeper")


def test_component_is_nobodys_child_and_has_its_own_session(tmp_path: Path) -> None:
    processes.start(tmp_path, component())
    pid = identity(tmp_path).pid
    assert os.getsid(pid) == pid
    with pytest.raises(ChildProcessError):
        os.waitpid(pid, 0)
    processes.stop(tmp_path, "sleeper")


def test_changed_component_is_started_anew(tmp_path: Path) -> None:
    processes.start(tmp_path, component())
    first = identity(tmp_path)
    assert processes.start(tmp_path, component(script="exec sleep 601"))
    assert not first.alive()
    processes.stop(tmp_path, "sleeper")


def test_component_that_ends_at_once_shows_its_log(tmp_path: Path) -> None:
    with pytest.raises(ComponentError, match=r"ended while starting(.|\n)*no such luck"):
        processes.start(tmp_path, component(script="echo no such luck >&2; exit 3"))


def test_component_that_is_never_ready_is_reported(tmp_path: Path) -> None:
    never = Component(name="never", command=("sleep", "600"), ready=lambda: False, ready_seconds=0.3)
    with pytest.raises(ComponentError, match="never was not ready within 0 s"):
        processes.start(tmp_path, never)
    processes.stop(tmp_path, "never")


def test_stopping_kills_what_does_not_listen_and_what_was_started_by_it(tmp_path: Path) -> None:
    script = "trap '' TERM; sleep 600 & setsid sleep 601 & echo $! > child; while :; do sleep 1; done"
    stubborn = Component(
        name="stubborn",
        command=("/bin/sh", "-c", script),
        ready=(tmp_path / "child").exists,
        directory=tmp_path,
        stop_seconds=0.2,
    )
    processes.start(tmp_path, stubborn)
    children = [Identity.of(int((tmp_path / "child").read_text())), identity(tmp_path, "stubborn")]
    processes.stop(tmp_path, "stubborn")
    assert not [child for child in children if child and child.alive()]


def test_recycled_pid_is_left_alone(tmp_path: Path) -> None:
    processes.start(tmp_path, component())
    processes.stop(tmp_path, "sleeper")
    with subprocess.Popen(["sleep", "600"]) as stranger:
        processes.start(tmp_path, component())
        real = identity(tmp_path)
        now = Identity.of(stranger.pid)
        assert now
        line = f"{now.pid} {now.start_ticks - 1} {now.boot} {'0' * 16}\n"
        (tmp_path / "run" / "sleeper.pid").write_text(line)
        processes.stop(tmp_path, "sleeper")
        assert stranger.poll() is None
        # What really ran carries our mark, so it was found all the same.
        assert not real.alive()
        stranger.kill()


def test_process_started_by_a_killed_starter_is_found(tmp_path: Path) -> None:
    slow = f"""
import sys; sys.path.insert(0, {str(ROOT)!r})
from pathlib import Path
from localgrid import processes
processes.start(Path({str(tmp_path)!r}), processes.Component(
    name="sleeper", command=("sleep", "600"), ready=lambda: False, ready_seconds=600))
"""
    with subprocess.Popen([sys.executable, "-c", slow]) as starter:
        wait_until((tmp_path / "run" / "sleeper.pid").exists)
        starter.send_signal(signal.SIGKILL)
    left = identity(tmp_path)
    assert left.alive()
    stop_all(tmp_path)
    assert not left.alive()


def test_components_start_after_and_stop_before_those_they_need(tmp_path: Path) -> None:
    told: list[str] = []
    names = ["top", "middle", "ground"]
    wanted = [component("top", needs=("middle",)), component("middle", needs=("ground",)), component("ground")]
    start_all(tmp_path, wanted, lambda progress: told.append(f"{progress.component} {progress.what}"))
    assert [word for word in told if "ready" in word] == [f"{name} ready" for name in reversed(names)]
    told.clear()
    stop_all(tmp_path, lambda progress: told.append(progress.component))
    assert told == names


def test_failure_stops_only_those_who_need_it(tmp_path: Path) -> None:
    wanted = [component("bad", script="exit 1"), component("dependent", needs=("bad",)), component("other")]
    with pytest.raises(ComponentError, match="bad ended"):
        start_all(tmp_path, wanted)
    other, dependent = processes.record(tmp_path, "other"), processes.record(tmp_path, "dependent")
    assert other
    assert other.running()
    assert dependent is None
    stop_all(tmp_path)


def test_circle_is_refused() -> None:
    with pytest.raises(GridError, match="need each other: a, b"):
        in_order([component("a", needs=("b",)), component("b", needs=("a",))])
