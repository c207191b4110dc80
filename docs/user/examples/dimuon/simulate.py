#!/usr/bin/env python3
"""Stage 1: make collisions with two muons for each counter file of a Monte Carlo workflow.

What a detector would see of each muon is written: the curvature of its track (charge over transverse momentum), its
pseudorapidity and its azimuth, each smeared. The same counter with the same SEED always gives the same events.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
import uproot

Array = npt.NDArray[np.float64]

EVENTS = int(os.environ.get("EVENTS_PER_FILE", "5000"))
SEED = int(os.environ.get("SEED", "1"))
BACKGROUND_FRACTION = 0.15
Z_MASS_GEV = 91.1876
Z_WIDTH_GEV = 2.4952
CUT_OFF_ANGLE = np.arctan(24)
MUON_MASS_GEV = 0.1057
CURVATURE_RESOLUTION = 0.015
ANGLE_RESOLUTION = 0.0005


def next_file() -> tuple[str, str] | None:
    """Ask for the next input: its DID and its PFN, or nothing when there is none left."""
    command = [f"{os.environ['JUSTIN_PATH']}/justin-get-file", "--seconds-needed", "30"]
    line = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False).stdout.split()
    return (line[0], line[1]) if line else None


def pair_masses(random: np.random.Generator) -> Array:
    """Draw the masses of muon pairs: the Z resonance over a falling background."""
    background = 40 + random.exponential(30, EVENTS)
    # The Breit-Wigner shape, cut off where the background takes over.
    angles = random.uniform(-CUT_OFF_ANGLE, CUT_OFF_ANGLE, EVENTS)
    resonance = Z_MASS_GEV + 0.5 * Z_WIDTH_GEV * np.tan(angles)
    return np.where(random.random(EVENTS) < BACKGROUND_FRACTION, background, resonance)


def isotropic(random: np.random.Generator) -> Array:
    """Draw unit vectors in every direction alike."""
    cosine, azimuth = random.uniform(-1, 1, EVENTS), random.uniform(-np.pi, np.pi, EVENTS)
    sine = np.sqrt(1 - cosine**2)
    return np.stack([sine * np.cos(azimuth), sine * np.sin(azimuth), cosine])


def boost(momentum: Array, energy: Array, velocity: Array) -> Array:
    """Carry momenta from the rest frame of the pair into the laboratory."""
    squared = np.maximum((velocity**2).sum(axis=0), 1e-12)
    gamma = 1 / np.sqrt(1 - squared)
    along = (velocity * momentum).sum(axis=0)
    return np.asarray(momentum + velocity * ((gamma - 1) * along / squared + gamma * energy))


def muon_momenta(random: np.random.Generator) -> tuple[Array, Array]:
    """Make the momenta of both muons of every event, in GeV, in the laboratory."""
    mass = pair_masses(random)
    transverse, rapidity = random.exponential(12, EVENTS), random.normal(0, 1.2, EVENTS)
    azimuth = random.uniform(-np.pi, np.pi, EVENTS)
    transverse_mass = np.sqrt(mass**2 + transverse**2)
    pair_energy = transverse_mass * np.cosh(rapidity)
    pair = np.stack([transverse * np.cos(azimuth), transverse * np.sin(azimuth), transverse_mass * np.sinh(rapidity)])
    in_rest = isotropic(random) * np.sqrt(mass**2 / 4 - MUON_MASS_GEV**2)
    return boost(in_rest, mass / 2, pair / pair_energy), boost(-in_rest, mass / 2, pair / pair_energy)


def measured(random: np.random.Generator, momentum: Array, charge: int) -> dict[str, Array]:
    """Smear a muon as a detector would."""
    transverse = np.hypot(momentum[0], momentum[1])
    return {
        "curvature": charge / transverse * random.normal(1, CURVATURE_RESOLUTION, EVENTS),
        "eta": np.arcsinh(momentum[2] / transverse) + random.normal(0, ANGLE_RESOLUTION, EVENTS),
        "phi": np.arctan2(momentum[1], momentum[0]) + random.normal(0, ANGLE_RESOLUTION, EVENTS),
    }


def simulate(did: str, counter: int, name: str) -> None:
    """Write one file; it gets its name only when it is complete."""
    # Not the workflow's number: `justin reproduce` makes the same events in another workflow.
    random = np.random.default_rng([SEED, counter])
    minus, plus = muon_momenta(random)
    tracks = {"minus": measured(random, minus, -1), "plus": measured(random, plus, 1)}
    branches = {f"{muon}_{what}": values for muon, track in tracks.items() for what, values in track.items()}
    with uproot.recreate("unfinished.tmp") as file:
        file["tracks"] = {"event": counter * 1_000_000 + np.arange(EVENTS), **branches}
    metadata = {
        "core.data_tier": "simulated",
        "core.event_count": EVENTS,
        "core.file_type": "mc",
        "dimuon.counter": counter,
    }
    # A job may make many files: this one comes of one counter.
    Path(f"{name}.json").write_text(json.dumps({"metadata": metadata, "parents": [{"did": did}]}))
    Path("unfinished.tmp").rename(name)


def main() -> int:
    """Take files until there are none; the exit code says whether all went well."""
    workflow = int(os.environ["JUSTIN_WORKFLOW_ID"])
    while file := next_file():
        did, pfn = file
        simulate(did, int(pfn), f"dimuon-sim-w{workflow}-{int(pfn):06d}.root")
        with Path("justin-processed-dids.txt").open("a") as processed:
            processed.write(did + "\n")
        print("simulated", EVENTS, "events for", did, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
