"""Several components at once: each is started as soon as those it needs are ready, and stopped before them."""

import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from localgrid import processes
from localgrid.errors import ComponentError, GridError
from localgrid.processes import Component

Report = Callable[["Progress"], None]


@dataclass(frozen=True, slots=True)
class Progress:
    """Something happened to a component."""

    component: str
    what: str
    seconds: float = 0.0


def silent(_progress: Progress) -> None:
    """Tell nobody."""


def start_all(directory: Path, components: Iterable[Component], report: Report = silent) -> None:
    """Start components, each after those it needs, as many at once as possible.

    A need that is not among them must run already. When one fails, those that do not need it are still started,
    and the first failure is raised.
    """
    wanted = {component.name: component for component in components}
    started: dict[str, Future[None]] = {}

    def start(component: Component) -> None:
        for need in component.needs:
            if need in wanted:
                started[need].result()
            elif not is_running(directory, need):
                raise ComponentError(f"{component.name} needs {need}, which does not run")
        _start(directory, component, report)

    with ThreadPoolExecutor(max_workers=max(1, len(wanted))) as pool:
        for component in in_order(wanted.values()):
            started[component.name] = pool.submit(start, component)
    for future in started.values():
        future.result()


def stop_all(directory: Path, report: Report = silent) -> None:
    """Stop whatever was started in a directory, each component before those it needs."""
    known = processes.records(directory)
    left = {record.name: record for record in known}
    while left:
        needed = {need for record in left.values() for need in record.needs}
        free = [record for record in left.values() if record.name not in needed] or list(left.values())
        with ThreadPoolExecutor(max_workers=len(free)) as pool:
            for future in [pool.submit(_stop, directory, record.name, report) for record in free]:
                future.result()
        for record in free:
            del left[record.name]


def is_running(directory: Path, name: str) -> bool:
    """Say whether a component runs."""
    record = processes.record(directory, name)
    return record is not None and record.running()


def in_order(components: Iterable[Component]) -> list[Component]:
    """Sort components so that each comes after those it needs; raises when some need each other."""
    left = {component.name: component for component in components}
    ordered: list[Component] = []
    while left:
        ready = [each for each in left.values() if not any(need in left for need in each.needs)]
        if not ready:
            raise GridError(f"these components need each other: {', '.join(left)}")
        ordered += ready
        for each in ready:
            del left[each.name]
    return ordered


def _start(directory: Path, component: Component, report: Report) -> None:
    began = time.monotonic()
    report(Progress(component.name, "starting"))
    try:
        fresh = processes.start(directory, component)
    except GridError:
        report(Progress(component.name, "failed", time.monotonic() - began))
        raise
    report(Progress(component.name, "ready" if fresh else "already running", time.monotonic() - began))


def _stop(directory: Path, name: str, report: Report) -> None:
    began = time.monotonic()
    ran = processes.stop(directory, name)
    report(Progress(name, "stopped" if ran else "was not running", time.monotonic() - began))
