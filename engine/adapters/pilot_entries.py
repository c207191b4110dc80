"""What an entry of a pilot factory means for us: which jobs it takes, at which site, on what machines."""

import json
import re
from typing import Annotated, Any, Final

from pydantic import BaseModel, BeforeValidator, Field, StringConstraints, ValidationError, field_validator

from engine.adapters.pilot_files import Malformed, RawEntry
from engine.pilots import PilotEntry
from engine.settings import Sites

VOS: Final = "GLIDEIN_Supported_VOs"
WHOLE_NODE: Final = {"auto", "node", "slot"}
"""Values of GLIDEIN_CPUS that leave the number to the machine."""

MIB_BYTES: Final = 1 << 20
_GPU: Final = re.compile(r"gpus?", re.IGNORECASE)


def _nothing(value: object) -> object:
    return None if value is None or (isinstance(value, str) and not value.strip()) else value


Count = Annotated[Annotated[int, Field(ge=0, le=1_000_000)] | None, BeforeValidator(_nothing)]
Mebibytes = Annotated[Annotated[int, Field(ge=0, le=1 << 30)] | None, BeforeValidator(_nothing)]
Seconds = Annotated[Annotated[int, Field(ge=0, le=10**9)] | None, BeforeValidator(_nothing)]


class _Entry(BaseModel):
    """The attributes that we look at, with their types."""

    name: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.+-]{1,128}$")]
    site: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.-]{1,64}$", strip_whitespace=True)]
    country: Annotated[str, StringConstraints(pattern=r"^[A-Za-z]{0,8}$", strip_whitespace=True)] = ""
    enabled: bool = True
    cpus: Count = None
    estimated_cpus: Count = None
    memory_mib: Mebibytes = None
    wall_seconds: Seconds = None
    gpus: Count = None

    @field_validator("cpus", mode="before")
    @classmethod
    def _leave_to_machine(cls, value: object) -> object:
        return None if isinstance(value, str) and value.strip().lower() in WHOLE_NODE else value


def understand(raw: RawEntry, source: str, sites: Sites) -> PilotEntry | None:
    """Return an entry that takes our jobs; None for one that takes others'.

    Raises `Malformed` for one that should be ours and cannot be used.
    """
    vos = _vos(raw)
    for_all, for_gpus = vos & set(sites.vos), vos & set(sites.gpu_vos)
    if not (for_all or for_gpus):
        if sites.site_attribute in raw.attributes and VOS not in raw.attributes:
            raise Malformed(f"{raw.name} names one of our sites, but the file does not say which VOs it supports")
        return None
    if sites.site_attribute not in raw.attributes:
        raise Malformed(
            f"{raw.name} supports {', '.join(sorted(vos & _ours(sites)))}, but has no {sites.site_attribute}"
        )
    entry = _typed(raw, sites.site_attribute)
    return PilotEntry(
        name=entry.name,
        source=source,
        site=entry.site,
        country=entry.country,
        enabled=entry.enabled,
        processors=entry.cpus or entry.estimated_cpus or 1,
        rss_bytes=(entry.memory_mib or 0) * MIB_BYTES,
        wall_seconds=entry.wall_seconds or 0,
        gpus=entry.gpus or (1 if for_gpus else 0),
        gpus_always=bool(for_gpus) and not for_all,
        configuration=_configuration(raw),
    )


def _ours(sites: Sites) -> set[str]:
    return {*sites.vos, *sites.gpu_vos}


def _vos(raw: RawEntry) -> set[str]:
    listed = f"{raw.attributes.get(VOS, '')},{raw.added.get(VOS, '')}"
    return {vo.strip() for vo in listed.split(",")} - {""}


def _typed(raw: RawEntry, site_attribute: str) -> _Entry:
    given: dict[str, Any] = {
        "name": raw.name,
        "enabled": raw.fields.get("enabled"),
        "site": raw.attributes.get(site_attribute),
        "country": raw.attributes.get("GLIDEIN_Country"),
        "cpus": raw.attributes.get("GLIDEIN_CPUS"),
        "estimated_cpus": raw.attributes.get("GLIDEIN_ESTIMATED_CPUS"),
        "memory_mib": raw.attributes.get("GLIDEIN_MaxMemMBs"),
        "wall_seconds": raw.attributes.get("GLIDEIN_Max_Walltime"),
        "gpus": _gpus(raw),
    }
    try:
        return _Entry.model_validate({name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
        raise Malformed(f"{raw.name} cannot be used: {wrong}") from error


def _gpus(raw: RawEntry) -> object:
    """Find the number of GPUs: `GPUs,2,type=main;Disk,…` names what slots have beside processors."""
    for resource in str(raw.attributes.get("GLIDEIN_Resource_Slots", "")).split(";"):
        name, _, rest = resource.partition(",")
        if _GPU.fullmatch(name.strip()):
            count = rest.partition(",")[0].strip()
            return count if count.isdigit() else 1
    requested = {name.lower(): value for name, value in raw.submit_attributes.items()}
    return requested.get("request_gpus")


def _configuration(raw: RawEntry) -> dict[str, Any]:
    """Return all that the file says; raises `Malformed` for what no database keeps."""
    kept = {**raw.fields, "attrs": dict(raw.attributes), "submit_attrs": dict(raw.submit_attributes)}
    if raw.added:
        kept["added_attrs"] = dict(raw.added)
    try:
        text = json.dumps(kept, ensure_ascii=False).encode()
    except ValueError as error:
        raise Malformed(f"{raw.name} cannot be kept: {error}") from error
    if b"\\u0000" in text:
        raise Malformed(f"{raw.name} cannot be kept: it holds a NUL")
    return kept
