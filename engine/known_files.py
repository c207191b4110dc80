"""What the catalogues know already of the files that a job's report names."""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from engine.errors import InvalidInput, Unavailable
from engine.metadata import RECORDED
from engine.ports import FileRecord
from engine.produced import Produced
from engine.runtime import Runtime
from justin.schemas.metadata import STATUS_KEY, WORKFLOW_KEY
from justin.states import AbortReason

log = logging.getLogger(__name__)

SHOWN = 5


@dataclass(frozen=True, slots=True)
class Findings:
    """The catalogues' word on a job's outputs."""

    parents: dict[str, list[str]] = field(default_factory=dict)
    """The DIDs of the parents of each output, by its DID."""
    problems: list[str] = field(default_factory=list)
    why: AbortReason = AbortReason.OUTPUT_REFUSED
    """What kind of problems they are."""


def look_up(runtime: Runtime, outputs: Sequence[Produced], inputs: Sequence[str]) -> Findings:
    """Find outputs whose names are taken, and the parents of each.

    A catalogue that does not answer costs the job nothing: the outbox tells it later, and hears of a name that was
    taken then. Inputs that MetaCat does not know, as those of a Rucio dataset may be, cannot be parents.
    """
    dids = [output.did for output in outputs]
    fids = _dids_of_fids(runtime, {fid for output in outputs for fid in _fids(output)})
    named = {did for output in outputs for did in _named(output, fids)}
    in_metacat = _known(partial(runtime.metacat.files, parents=False), "MetaCat", [*dids, *inputs, *named])
    in_rucio = _known(runtime.rucio.files, "Rucio", dids)
    taken = [*_taken(dids, in_metacat, "MetaCat"), *_taken(dids, in_rucio, "Rucio")]
    problems = [f"MetaCat has no file with the identifier {fid}." for fid, did in fids.items() if not did]
    if in_metacat is not None:
        problems += _against_rules(runtime, outputs)
        problems += [f"The parent {did} is not in MetaCat." for did in sorted(named - in_metacat.keys())]
        inputs = [did for did in inputs if did in in_metacat]
    parents = {output.did: sorted(_named(output, fids)) or list(inputs) for output in outputs}
    why = AbortReason.METADATA_INVALID if problems else AbortReason.OUTPUT_REFUSED
    return Findings(parents, [*taken, *problems], why)


def _against_rules(runtime: Runtime, outputs: Sequence[Produced]) -> list[str]:
    """Say what MetaCat's own rules for metadata forbid; nothing when it does not answer."""
    told = [{**output.metadata.metadata, WORKFLOW_KEY: {}, STATUS_KEY: RECORDED} for output in outputs]
    try:
        wrong = runtime.metacat.against_rules(told)
    except Unavailable as error:
        log.warning("Metadata is not held to MetaCat's rules: %s", error)
        return []
    return [
        f"{output.file.name}.json: {sentence}"
        for output, sentences in zip(outputs, wrong, strict=True)
        for sentence in sentences
    ]


def _known(
    ask: Callable[[Sequence[str]], Mapping[str, FileRecord]], service: str, dids: Sequence[str]
) -> Mapping[str, FileRecord] | None:
    """Ask a catalogue; None when it does not answer."""
    try:
        return ask(list(dict.fromkeys(dids)))
    except Unavailable as error:
        log.warning("Names are not checked in %s: %s", service, error)
        return None


def _taken(dids: Iterable[str], known: Mapping[str, FileRecord] | None, service: str) -> list[str]:
    taken = [did for did in dids if did in (known or {})]
    more = f" and {len(taken) - SHOWN} more" if len(taken) > SHOWN else ""
    return [f"{service} has a file of that name already: {', '.join(taken[:SHOWN])}{more}."] if taken else []


def _fids(output: Produced) -> frozenset[str]:
    return output.metadata.parents.fids if output.metadata.parents else frozenset()


def _named(output: Produced, fids: dict[str, str]) -> set[str]:
    """Return the DIDs of the parents that the user named."""
    if output.metadata.parents is None:
        return set()
    found = {fids[fid] for fid in output.metadata.parents.fids} - {""}
    return found | output.metadata.parents.dids


def _dids_of_fids(runtime: Runtime, fids: Iterable[str]) -> dict[str, str]:
    """Ask MetaCat whose identifiers these are; empty for one that is nobody's."""
    return {fid: _did_of_fid(runtime, fid) for fid in sorted(fids)}


def _did_of_fid(runtime: Runtime, fid: str) -> str:
    try:
        return next((file.did for file in runtime.metacat.query(f"fids {fid}")), "")
    except InvalidInput:
        return ""
