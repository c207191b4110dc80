"""Makes docs/developer/states.md from the tables of moves; `python -m scripts.states_page` writes it anew."""

from collections.abc import Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

from models import moves

State = TypeVar("State", bound=StrEnum)

PAGE = Path(__file__).parents[1] / "docs/developer/states.md"

HEAD = """# States

What a workflow, a file, a job, the registration of an output and a job's logs.tgz can be, and how they get from one to
another. The words are in `justin/states.py`; the moves are plain tables in `models/moves.py`, the one door for states:
each move is one statement that also writes its event. A move that is not in the tables, or that was made before,
changes nothing.

This page is made from those tables by `python -m scripts.states_page`.
"""


def page() -> str:
    """Write the whole page."""
    parts = [
        _part("Workflow", moves.WORKFLOW_MOVES, moves.WORKFLOW_EVENTS),
        _part("File", moves.FILE_MOVES, moves.FILE_EVENTS),
        _part("Job", moves.JOB_MOVES, moves.JOB_EVENTS),
        _part("Registration of an output", moves.OUTBOX_MOVES, {}),
        _part("Logs of a job", moves.LOGS_MOVES, moves.LOGS_EVENTS),
    ]
    return "\n".join([HEAD, *("\n".join(part) for part in parts)])


def _part(
    title: str, allowed: Mapping[State, frozenset[State]], events: Mapping[tuple[State, State], StrEnum]
) -> Iterator[str]:
    states = [state for state in type(next(iter(allowed))) if state in allowed]
    arrows = [(source, target) for source in states for target in sorted(allowed[source])]
    yield f"## {title}\n\n```mermaid\nstateDiagram-v2"
    yield from (f"    {source} --> {target}" for source, target in arrows)
    yield from (f"    {state} --> [*]" for state in states if not allowed[state])
    yield "```\n"
    told = [arrow for arrow in arrows if arrow in events]
    if told:
        yield "| from | to | event |\n|---|---|---|"
        yield from (f"| {source} | {target} | `{events[source, target]}` |" for source, target in told)
        yield ""


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
