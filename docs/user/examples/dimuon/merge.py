#!/usr/bin/env python3
"""Stage 3: put many reconstructed files together in one, and count the masses into a histogram."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
import uproot

Arrays = dict[str, npt.NDArray[np.float64]]

BINS = np.linspace(60, 120, 121)


def next_file() -> tuple[str, str] | None:
    """Ask for the next input: its DID and where to open it, or nothing when there is none left."""
    command = [f"{os.environ['JUSTIN_PATH']}/justin-get-file", "--seconds-needed", "30"]
    line = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False).stdout.split()
    return (line[0], line[1].removeprefix("file://localhost")) if line else None


def read_all() -> tuple[list[str], list[Arrays]]:
    """Read every file that this job is given."""
    dids, parts = [], []
    while file := next_file():
        did, source = file
        with uproot.open(source) as opened:
            parts.append(opened["pairs"].arrays(library="np"))
        dids.append(did)
        print("read", did, flush=True)
    return dids, parts


def write(name: str, tier: str, content: dict[str, object], events: int, dids: list[str]) -> None:
    """Write one output with its metadata; it gets its name only when it is complete."""
    with uproot.recreate("unfinished.tmp") as file:
        for key, value in content.items():
            file[key] = value
    metadata = {"core.data_tier": tier, "core.event_count": events, "core.file_type": "mc", "dimuon.inputs": len(dids)}
    parents = [{"did": did} for did in dids]
    Path(f"{name}.json").write_text(json.dumps({"metadata": metadata, "parents": parents}))
    Path("unfinished.tmp").rename(name)


def main() -> int:
    """Merge what there is; nothing to merge is no failure."""
    dids, parts = read_all()
    if not dids:
        return 0
    merged = {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}
    events = len(merged["event"])
    # The job's id makes the names unlike those of the other merges of this stage.
    unique = os.environ["JUSTIN_JOBSUB_ID"].split("@")[0].replace(".", "-")
    tag = f"w{os.environ['JUSTIN_WORKFLOW_ID']}-{unique}-{os.environ['JUSTIN_TIMESTAMP']}"
    write(f"dimuon-merged-{tag}.root", "merged", {"pairs": merged}, events, dids)
    write(f"dimuon-masses-{tag}.root", "histogram", {"mass": np.histogram(merged["M"], BINS)}, events, dids)
    Path("justin-processed-dids.txt").write_text("".join(f"{did}\n" for did in dids))
    print("merged", len(dids), "files with", events, "events", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
