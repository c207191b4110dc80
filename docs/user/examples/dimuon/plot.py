#!/usr/bin/env python3
"""Plot the masses of muon pairs in all the files of this job, and write where the Z peak is."""

import json
import os
import subprocess
import sys
from pathlib import Path

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
import uproot

mpl.use("Agg")
from matplotlib import pyplot as plt

Array = npt.NDArray[np.float64]

TREE = os.environ.get("TREE", "pairs")
WINDOW_GEV = (86.0, 96.0)


def next_file() -> tuple[str, str] | None:
    """Ask for the next input: its DID and where to open it, or nothing when there is none left."""
    command = [f"{os.environ['JUSTIN_PATH']}/justin-get-file"]
    line = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False).stdout.split()
    return (line[0], line[1].removeprefix("file://localhost")) if line else None


def read_masses() -> tuple[list[str], Array]:
    """Read the masses from every file that this job is given."""
    dids, masses = [], [np.empty(0)]
    while file := next_file():
        did, source = file
        with uproot.open(source) as opened:
            masses.append(np.asarray(opened[TREE]["M"].array(library="np")))
        dids.append(did)
    # The same masses in whatever order the files came: sums of them are the same to the last digit.
    return dids, np.sort(np.concatenate(masses))


def peak_of(masses: Array) -> float:
    """Find the mean of what is near the resonance, in GeV, moving the window until it sits in the middle."""
    center, half = sum(WINDOW_GEV) / 2, (WINDOW_GEV[1] - WINDOW_GEV[0]) / 2
    for _ in range(20):
        center = float(np.mean(masses[np.abs(masses - center) < half]))
    return center


def draw(masses: Array, peak: float, name: str) -> None:
    """Draw the histogram with its peak; the picture gets its name only when it is complete."""
    figure, axes = plt.subplots(figsize=(8, 5), layout="constrained")
    counts, edges = np.histogram(masses, np.linspace(60, 120, 121))
    middles = (edges[:-1] + edges[1:]) / 2
    axes.errorbar(middles, counts, np.sqrt(counts), fmt="o", markersize=3, linewidth=1, color="black")
    axes.axvline(peak, color="tab:red", label=f"peak {peak:.2f} GeV")
    axes.set(xlabel="dimuon mass [GeV]", ylabel=f"pairs / {edges[1] - edges[0]:.1f} GeV", xlim=(60, 120))
    axes.set_title(f"{len(masses):,} muon pairs")
    axes.legend()
    figure.savefig("unfinished.tmp", format="png", dpi=120)
    Path("unfinished.tmp").rename(name)


def main() -> int:
    """Plot what there is; nothing to plot is no failure."""
    dids, masses = read_masses()
    if not dids:
        return 0
    peak = peak_of(masses)
    unique = os.environ["JUSTIN_JOBSUB_ID"].split("@")[0].replace(".", "-")
    name = f"dimuon-mass-w{os.environ['JUSTIN_WORKFLOW_ID']}-{unique}-{os.environ['JUSTIN_TIMESTAMP']}.png"
    metadata = {"core.data_tier": "plot", "core.event_count": len(masses), "dimuon.peak_gev": round(peak, 4)}
    Path(f"{name}.json").write_text(json.dumps({"metadata": metadata}))
    draw(masses, peak, name)
    Path("justin-processed-dids.txt").write_text("".join(f"{did}\n" for did in dids))
    print(f"peak at {peak:.2f} GeV from {len(masses)} pairs in {len(dids)} files", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
