"""What the wrapper reports of a jobscript that has ended."""

from typing import Any, Dict, List, Optional, Tuple

from wrapper import outputs
from wrapper.jobscript import Outcome
from wrapper.outputs import Output, Pattern
from wrapper.workspace import Workspace

Json = Dict[str, Any]

UNANSWERED = "unanswered"
"""The helper commands make it when the allocator has no answer for a jobscript that asks for a file."""


def report(workspace: Workspace, patterns: List[Pattern], outcome: Outcome, log_tail: str) -> Tuple[Json, List[Output]]:
    """Make the report, and list the outputs in it; a jobscript that failed has none."""
    message = _outcome(outcome, log_tail)
    if (workspace.private / UNANSWERED).exists():
        message["unanswered"] = True
    if outcome.exit != 0 or outcome.timed_out:
        return message, []
    found = outputs.find(workspace, patterns)
    metadata = outputs.read_metadata(workspace, found)
    dids, pfns = outputs.processed(workspace)
    message.update(
        processed_dids=dids,
        processed_pfns=pfns,
        outputs=[_produced(output, metadata.found.get(output.name)) for output in found],
        metadata_errors=metadata.errors,
    )
    return message, found


def _outcome(outcome: Outcome, log_tail: str) -> Json:
    return {
        "jobscript_exit": outcome.exit,
        "timed_out": outcome.timed_out,
        "jobscript_start": outcome.start.isoformat(),
        "jobscript_finish": outcome.finish.isoformat(),
        "real_seconds": outcome.real_seconds,
        "cpu_seconds": outcome.cpu_seconds,
        "max_rss_bytes": outcome.max_rss_bytes,
        "jobscript_log": log_tail,
    }


def _produced(output: Output, metadata: Optional[Json]) -> Json:
    produced: Json = {
        "name": output.name,
        "pattern_id": output.pattern_id,
        "size_bytes": output.size_bytes,
        "adler32": output.adler32,
    }
    produced.update(metadata or {})
    return produced
