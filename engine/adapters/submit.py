"""Rendering: from an order of jobs to a submit description of HTCondor.

Nothing of a user's is ever part of an expression. Strings are ClassAd literals in attributes of their own, and the
expressions, which are ours, name those attributes. The words of the submit language are given ours and numbers alone.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from engine import classads
from engine.errors import InvalidInput
from engine.pool_ports import GpuNeeds, JobOrder

WRAPPER: Final = "justin-wrapper.pyz"
CONFIGURATION: Final = "job.json"
SECRET: Final = "job.secret"  # noqa: S105 - the name of the file
OUTPUT: Final = "wrapper.out"
ERROR: Final = "wrapper.err"
LOG: Final = "condor.log"
ARGUMENTS: Final = f"python3 {WRAPPER} {CONFIGURATION}"

MIB_BYTES: Final = 1 << 20
UNSPOOLED_SECONDS: Final = 3600
"""After which a job is dropped whose files never came: its submitter has died."""
KEPT_SECONDS: Final = 10 * 86_400
"""For how long a job that is over stays in the queue, for its log to be fetched."""
OVERTIME_SECONDS: Final = 3600
"""After which a job is removed whose wrapper has not ended it at its limit."""

GROUP: Final = re.compile(r"[A-Za-z0-9_-]+([./][A-Za-z0-9_-]+)*")
INTEGER: Final = re.compile(r"[-+]?[0-9]{1,18}")
REAL: Final = re.compile(r"[-+]?[0-9]{1,18}\.[0-9]{1,18}")
BOOLEANS: Final = {"true": "true", "false": "false"}
PLAIN: Final = re.compile(r"[^\x00-\x1f\x7f]")
DOLLARS: Final = re.compile(r"\$+")
SPECIAL: Final = ".[]{}()+?|$"
"""Characters that mean something in a regular expression, and themselves in brackets."""

NODES: Final = tuple(
    f'strcat({name}, "@", TARGET.GLIDEIN_DUNESite)' for name in ("TARGET.Machine", 'split(TARGET.Machine, ".")[0]')
)
"""How a slot's node may be called among those that are avoided: a node may know itself with its domain or without."""

OURS: Final = (
    *("JUSTIN_WallSeconds", "JUSTIN_Hint", "JOB_EXPECTED_MAX_LIFETIME", "JobsubJobId"),
    *("DESIRED_Sites", "DESIRED_Entries", "JUSTIN_OpenSites", "JUSTIN_AvoidedNodes", "SingularityImage"),
)
"""The attributes that we add to ads; whether or not a job has them all, no user sets one."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What the pool's settings say about every job."""

    user: str
    disk_mib: int = 1000
    cpu_jobs_on_gpu_slots: bool = False
    requirements: str = ""
    """An expression of the operator's, which every slot must fulfil too."""
    user_classads: tuple[str, ...] = ()
    """What names of attributes may look like that users set."""


def render(order: JobOrder, rules: Rules, place: Path, schedd: str) -> str:
    """Return the submit description of an order's jobs.

    `place` holds the files that all jobs share, and a directory for each job by its number. What a user may not set is
    left out: it has been refused long before. Raises `InvalidInput` for an accounting group that is none.
    """
    lines = dict([*_work(place, schedd), *_needs(order, rules), *_life(order)])
    requirements = " && ".join(f"({each})" for each in _requirements(order, rules))
    attributes = {**_users(order.classads, rules), **dict(_attributes(order, schedd))}
    return "".join(
        f"{name} = {value}\n"
        for name, value in [
            *lines.items(),
            ("requirements", requirements),
            *((f"MY.{name}", value) for name, value in attributes.items()),
        ]
    )


def literal(text: str) -> str:
    """Return a string as a ClassAd literal that the submit language leaves alone, on one line.

    Of several dollars in a row one is kept: HTCondor would replace what follows them when the job starts.
    """
    kept = "".join(_escaped(character) for character in DOLLARS.sub("$", text.replace("\0", "")))
    return f'"{kept}"'.replace("$", "$(DOLLAR)")


def _escaped(character: str) -> str:
    if character in '"\\':
        return "\\" + character
    return character if PLAIN.fullmatch(character) else f"\\{ord(character):03o}"


def value(text: str) -> str:
    """Return what a user wrote as a value: a number, a truth value, or else a string, with or without its quotes."""
    if INTEGER.fullmatch(text) or REAL.fullmatch(text):
        return text
    if text.lower() in BOOLEANS:
        return BOOLEANS[text.lower()]
    quoted = len(text) > 1 and text[0] == text[-1] == '"'
    return literal(text[1:-1] if quoted else text)


def _work(place: Path, schedd: str) -> Iterator[tuple[str, str]]:
    yield "universe", "vanilla"
    # Of the node's Pythons the first on PATH.
    yield "executable", "/usr/bin/env"
    yield "transfer_executable", "False"
    yield "arguments", f'"{ARGUMENTS}"'
    yield "environment", f'"JUSTIN_JOBSUB_ID=$(Cluster).$(Process)@{_name(schedd)}"'
    yield "initialdir", f"{place}/$(Process)"
    yield "should_transfer_files", "YES"
    yield "when_to_transfer_output", "ON_EXIT"
    yield "transfer_input_files", f"{place}/{WRAPPER}, {place}/{CONFIGURATION}, {SECRET}"
    yield "transfer_output_files", '""'
    yield "output", OUTPUT
    yield "error", ERROR
    yield "log", LOG


def _needs(order: JobOrder, rules: Rules) -> Iterator[tuple[str, str]]:
    yield "request_cpus", str(order.processors)
    yield "request_memory", str(-(-order.rss_bytes // MIB_BYTES))
    yield "request_disk", f"{rules.disk_mib}MB"
    if order.gpus:
        yield "request_gpus", str(order.gpus)
        yield from _gpu_needs(order.gpu_needs)
    if order.accounting_group:
        yield "accounting_group", _group(order.accounting_group)
        yield "accounting_group_user", _name(rules.user)


def _gpu_needs(needs: GpuNeeds) -> Iterator[tuple[str, str]]:
    if needs.memory_bytes:
        yield "gpus_minimum_memory", str(-(-needs.memory_bytes // MIB_BYTES))
    if needs.min_capability:
        yield "gpus_minimum_capability", str(needs.min_capability)
    if needs.max_capability:
        yield "gpus_maximum_capability", str(needs.max_capability)
    if needs.min_runtime:
        yield "gpus_minimum_runtime", str(needs.min_runtime)
    if needs.model:
        yield "require_gpus", _gpu_model(needs.model)


def _gpu_model(model: str) -> str:
    """Compare the name of a GPU as the allocator does: the case counts, and `*` stands for anything."""
    if "*" not in model:
        return f"DeviceName =?= {literal(model)}"
    # An expression of PCRE. It has no backslash, for HTCondor reads one in a submit description, and in an ad, in
    # different ways; a character that could only be written with one stands for any.
    plain = DOLLARS.sub("$", model.replace("\0", ""))
    pattern = ".*".join("".join(_itself(character) for character in part) for part in re.split(r"\*+", plain))
    return f"regexp({literal(f'(?s)^{pattern}(?!.)')}, DeviceName)"


def _itself(character: str) -> str:
    if character in "\\^" or not PLAIN.fullmatch(character):
        return "."
    return f"[{character}]" if character in SPECIAL else character


def _life(order: JobOrder) -> Iterator[tuple[str, str]]:
    """Say when a job leaves the queue: nobody runs it a second time, for its secret opens the allocator once."""
    yield "leave_in_queue", f"(JobStatus == 3 || JobStatus == 4) && time() - EnteredCurrentStatus < {KEPT_SECONDS}"
    reasons = (
        f"JobStatus == 5 && HoldReasonCode == 16 && time() - QDate > {UNSPOOLED_SECONDS}",
        "JobStatus == 1 && NumJobStarts > 0",
        f"JobStatus == 2 && time() - JobCurrentStartDate > {order.wall_seconds + OVERTIME_SECONDS}",
    )
    yield "periodic_remove", " || ".join(f"({each})" for each in reasons)


def _requirements(order: JobOrder, rules: Rules) -> Iterator[str]:
    # It may be matched again before its schedd comes to look whether it is to be removed.
    yield "(MY.NumJobStarts ?: 0) == 0"
    if order.sites:
        yield "stringListMember(TARGET.GLIDEIN_DUNESite, MY.DESIRED_Sites)"
    if order.entries:
        yield " || ".join(_entries(order))
    if order.avoided:
        yield " && ".join(f"stringListIMember({node}, MY.JUSTIN_AvoidedNodes) =!= true" for node in NODES)
    yield "isUndefined(TARGET.GLIDEIN_ToDie) || TARGET.GLIDEIN_ToDie - time() >= MY.JUSTIN_WallSeconds"
    if not order.gpus and not rules.cpu_jobs_on_gpu_slots:
        yield "(TARGET.TotalGPUs ?: 0) == 0"
    if rules.requirements:
        yield rules.requirements


def _entries(order: JobOrder) -> Iterator[str]:
    yield "isUndefined(TARGET.GLIDEIN_Entry_Name)"
    yield "stringListMember(TARGET.GLIDEIN_Entry_Name, MY.DESIRED_Entries)"
    if order.open_sites:
        yield "stringListMember(TARGET.GLIDEIN_DUNESite, MY.JUSTIN_OpenSites)"


def _attributes(order: JobOrder, schedd: str) -> Iterator[tuple[str, str]]:
    yield "JUSTIN_WallSeconds", str(order.wall_seconds)
    yield "JOB_EXPECTED_MAX_LIFETIME", str(order.wall_seconds)
    yield "JUSTIN_Hint", literal(order.hint)
    yield "JobsubJobId", f'"$(Cluster).$(Process)@{_name(schedd)}"'
    if order.sites:
        yield "DESIRED_Sites", literal(",".join(order.sites))
    if order.entries:
        yield "DESIRED_Entries", literal(",".join(order.entries))
        if order.open_sites:
            yield "JUSTIN_OpenSites", literal(",".join(order.open_sites))
    if order.avoided:
        yield "JUSTIN_AvoidedNodes", literal(",".join(order.avoided))
    if order.image:
        yield "SingularityImage", literal(order.image)


def _users(asked: Mapping[str, str], rules: Rules) -> dict[str, str]:
    """Return what a user may add; of names that differ in case only, the last one counts, as in an ad."""
    reserved = {name.lower() for name in OURS}
    allowed = {
        name.lower(): (name, value(text))
        for name, text in asked.items()
        if name.lower() not in reserved and classads.is_allowed(name, text, rules.user_classads)
    }
    return dict(sorted(allowed.values()))


def _group(name: str) -> str:
    """Return an accounting group as HTCondor writes it, its levels parted by dots."""
    bare = name.strip("/")
    if not GROUP.fullmatch(bare):
        raise InvalidInput(f"{name!r} is no accounting group: letters, digits, _ and - in levels parted by . or /")
    return bare.replace("/", ".")


def _name(name: str) -> str:
    """Return a name of ours that stands in a quoted line; raises `InvalidInput` for one that would break out of it."""
    if not re.fullmatch(r"[A-Za-z0-9_.@:-]+", name):
        raise InvalidInput(f"{name!r} is no name that HTCondor's submit language takes")
    return name
