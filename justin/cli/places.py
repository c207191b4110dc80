"""Subcommands about places: sites, the entries that lead there, storages, and how far these are."""

from typing import Annotated

import typer

from justin.cli.command import Session, command
from justin.cli.options import Reason
from justin.cli.quantities import NOTHING, duration, number, size, truth, utc
from justin.cli.tables import Column
from justin.schemas.specs import DistanceChange
from justin.schemas.views import DistanceView, EntryView, SiteView, StorageView

_Site = Annotated[str | None, typer.Option("--site", metavar="SITE", help="Of this site only.")]


def _why_not(storage: StorageView) -> str:
    return "not in Rucio any more" if storage.retired_at else storage.disabled_reason


_SITE_COLUMNS: list[Column[SiteView]] = [
    Column("Site", lambda each: each.name),
    Column("Country", lambda each: each.country, detail=True),
    Column("Region", lambda each: each.region, detail=True),
    Column("Entries", lambda each: str(each.entries), right=True),
    Column("With GPUs", lambda each: str(each.gpu_entries), right=True),
    Column("With containers", lambda each: str(each.container_entries), right=True),
    Column("Enabled", lambda each: truth(each.enabled)),
    Column("Why not", lambda each: each.disabled_reason),
    Column("Retired (UTC)", lambda each: utc(each.retired_at)),
    Column("Last seen (UTC)", lambda each: utc(each.last_seen_at), detail=True),
]

_ENTRY_COLUMNS: list[Column[EntryView]] = [
    Column("Entry", lambda each: each.name),
    Column("Site", lambda each: each.site),
    Column("Used", lambda each: truth(each.enabled)),
    Column("Processors", lambda each: str(each.processors), right=True),
    Column("Memory", lambda each: size(each.rss_bytes or None), right=True),
    Column("Wall time", lambda each: duration(each.wall_seconds or None), right=True),
    Column("GPUs", lambda each: str(each.gpus), right=True),
    Column("Containers", lambda each: NOTHING if each.inner_container is None else truth(each.inner_container)),
    Column("Told by", lambda each: each.inner_container_jobsub_id, detail=True),
    Column("Told at (UTC)", lambda each: utc(each.inner_container_at), detail=True),
    Column("From", lambda each: each.source or "by hand", detail=True),
    Column("Last seen (UTC)", lambda each: utc(each.last_seen_at), detail=True),
]

_STORAGE_COLUMNS: list[Column[StorageView]] = [
    Column("RSE", lambda each: each.name),
    Column("Site", lambda each: each.site or ""),
    Column("Kind", lambda each: "tape" if each.tape else "disk"),
    Column("Readable", lambda each: truth(each.readable)),
    Column("Writable", lambda each: truth(each.writable)),
    Column("Why not", _why_not),
    Column("Used", lambda each: f"{each.occupancy:.0%}", right=True),
    Column("Size", lambda each: size(each.total_bytes), right=True, detail=True),
    Column("Reads by", lambda each: ",".join(each.protocols.get("wan", {}).get("read", [])), detail=True),
    Column("Writes by", lambda each: ",".join(each.protocols.get("wan", {}).get("write", [])), detail=True),
    Column("Last seen (UTC)", lambda each: utc(each.last_seen_at)),
]

_DISTANCE_COLUMNS: list[Column[DistanceView]] = [
    Column("Site", lambda each: each.site),
    Column("RSE", lambda each: each.storage),
    Column("Distance", lambda each: str(each.distance), right=True),
    Column("Set by", lambda each: "hand" if each.by_hand else "rule"),
    Column("By rule", lambda each: number(each.by_rule), right=True),
]


@command("show-sites")
def show_sites(session: Session) -> None:
    """List the sites where jobs may run."""
    session.screen.table(_SITE_COLUMNS, session.client.sites())


@command("show-entries")
def show_entries(session: Session, site: _Site = None) -> None:
    """List the entries by which pilots come to sites, and whether jobs there can start containers."""
    session.screen.table(_ENTRY_COLUMNS, session.client.entries(site=site))


@command("show-storages")
def show_storages(session: Session) -> None:
    """List the storages that hold files."""
    session.screen.table(_STORAGE_COLUMNS, session.client.storages())


@command("show-distances")
def show_distances(
    session: Session,
    site: _Site = None,
    rse: Annotated[str | None, typer.Option("--rse", metavar="RSE", help="Of this storage only.")] = None,
) -> None:
    """List how far storages are from sites: 0 is beside it, 100 the far end, 101 never."""
    session.screen.table(_DISTANCE_COLUMNS, session.client.distances(site=site, rse=rse))


@command("set-distance")
def set_distance(
    session: Session,
    site: Annotated[str, typer.Option("--site", metavar="SITE", help="The site.")],
    rse: Annotated[str, typer.Option("--rse", metavar="RSE", help="The storage.")],
    distance: Annotated[
        int | None,
        typer.Option("--distance", metavar="N", min=0, max=101, help="0 is beside it, 100 the far end, 101 never."),
    ] = None,
    by_rule: Annotated[bool, typer.Option("--by-rule", help="Let the rules of the settings say it again.")] = False,  # noqa: FBT002  a flag
    reason: Reason = "",
) -> None:
    """Set how far a storage is from a site; it stays until it is given back to the rules."""
    if by_rule == (distance is not None):
        raise typer.BadParameter("say how far it is with --distance N, or --by-rule")
    change = DistanceChange(site=site, rse=rse, distance=distance, reason=reason)
    session.screen.table(_DISTANCE_COLUMNS, session.client.set_distance(change))
