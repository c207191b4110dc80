"""The subcommand about probes: which storages each site can read and write."""

from collections.abc import Sequence
from typing import Annotated

import typer

from justin.cli.command import Session, command
from justin.cli.quantities import NOTHING, duration, truth, utc
from justin.cli.tables import Column
from justin.schemas.views import ProbeView
from justin.states import ProbeState

_LETTERS = {
    ProbeState.BOTH: "rw",
    ProbeState.READ_ONLY: "r",
    ProbeState.WRITE_ONLY: "w",
    ProbeState.NONE: "none",
    ProbeState.NO_RESULT: "?",
}


def _tried(well: bool | None) -> str:  # noqa: FBT001 - it is what it is about
    return NOTHING if well is None else truth(well)


def _withheld(probe: ProbeView) -> str:
    kinds = (("reading", probe.offered_for_reading), ("writing", probe.offered_for_writing))
    return ",".join(kind for kind, offered in kinds if not offered)


_COLUMNS: list[Column[ProbeView]] = [
    Column("Site", lambda each: each.site),
    Column("GPU entry", lambda each: each.gpu_entry),
    Column("RSE", lambda each: each.storage),
    Column("Distance", lambda each: str(each.distance), right=True, detail=True),
    Column("Read", lambda each: _tried(each.read_ok)),
    Column("took", lambda each: duration(each.read_seconds), right=True, detail=True),
    Column("Written", lambda each: _tried(each.write_ok)),
    Column("took", lambda each: duration(each.write_seconds), right=True, detail=True),
    Column("Withheld", _withheld),
    Column("At (UTC)", lambda each: utc(each.at)),
    Column("Job", lambda each: each.jobsub_id or "", detail=True),
    Column("Problem", lambda each: each.message),
]


@command("show-probes")
def show_probes(
    session: Session,
    site: Annotated[str | None, typer.Option("--site", metavar="SITE", help="From this site only.")] = None,
    rse: Annotated[str | None, typer.Option("--rse", metavar="RSE", help="At this storage only.")] = None,
    matrix: Annotated[  # noqa: FBT002 - an option
        bool, typer.Option("--matrix", help="Show sites by storages: r where it reads, w where it writes, ? unknown.")
    ] = False,
) -> None:
    """Show which storages the newest probe of each site could read and write, and which are withheld for that."""
    found = session.client.probes(site=site, rse=rse)
    if matrix and not session.screen.as_json:
        session.screen.table(_matrix(found), {_place(each): each for each in found}.values())
    else:
        session.screen.table(_COLUMNS, found)


def _matrix(found: Sequence[ProbeView]) -> list[Column[ProbeView]]:
    """Make a column for each storage; a row stands for all that is known of its place."""
    letters = {(_place(each), each.storage): _LETTERS[each.state] for each in found}

    def at(rse: str) -> Column[ProbeView]:
        return Column(rse, lambda each: letters.get((_place(each), rse), ""))

    return [*_COLUMNS[:2], *(at(rse) for rse in sorted({each.storage for each in found}))]


def _place(probe: ProbeView) -> tuple[str, str]:
    return probe.site, probe.gpu_entry
