"""Real and simulated collisions of other experiments: registered, found by their metadata, processed and merged."""

import os
import shutil
from pathlib import Path

import pytest
import uproot

from justin.schemas.specs import OutputSpec, StageSpec, WorkflowSpec
from tests.support import books
from tests.support.registrar import SCOPE, Input, register
from tests.support.system import System

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "docs/user/examples/dimuon"
EVENTS = Path(os.environ.get("JUSTIN_TEST_EVENTS", ROOT.parent / "shared/data/events"))
RSES = ("MANCHESTER", "CERN", "FNAL")
PAIRS_PER_FILE = 2304

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(not EVENTS.is_dir(), reason="no ROOT files are there; JUSTIN_TEST_EVENTS names their folder"),
]

CONVERT = r"""#!/bin/bash
while did_pfn_rse=$($JUSTIN_PATH/justin-get-file)
do
  did=$(echo "$did_pfn_rse" | cut -f1 -d' ')
  pfn=$(echo "$did_pfn_rse" | cut -f2 -d' ')
  name=$(basename "$pfn" .root)-pairs-w$JUSTIN_WORKFLOW_ID.root
  python3 - "${pfn#file://localhost}" <<'PYTHON' || exit 1
import sys
import uproot
with uproot.open(sys.argv[1]) as file:
    events = file["events"].arrays(["Event", "M"], library="np")
with uproot.recreate("unfinished.tmp") as file:
    file["pairs"] = {"event": events["Event"], "M": events["M"]}
PYTHON
  mv unfinished.tmp "$name"
  echo "$did" >> justin-processed-dids.txt
done
exit 0
"""


def converting_and_merging(mql: str) -> WorkflowSpec:
    converted = OutputSpec(pattern="*-pairs-*.root", for_next_stage=True, lifetime_days=1)
    merged = [OutputSpec(pattern=f"dimuon-{kind}-*.root", lifetime_days=1) for kind in ("merged", "masses")]
    stages = [
        StageSpec(jobscript=CONVERT, outputs=[converted], wall_seconds=300, max_distance=100),
        StageSpec(
            jobscript=(EXAMPLES / "merge.py").read_text(),
            outputs=merged,
            wall_seconds=300,
            max_distance=100,
            max_jobs=1,
        ),
    ]
    return WorkflowSpec(mql=mql, stages=stages)


def plotting(mql: str) -> WorkflowSpec:
    picture = OutputSpec(pattern="dimuon-mass-*.png", lifetime_days=1)
    jobscript = (EXAMPLES / "plot.py").read_text()
    stage = StageSpec(jobscript=jobscript, outputs=[picture], wall_seconds=300, max_distance=100, max_jobs=1)
    return WorkflowSpec(mql=mql, stages=[stage])


def test_the_z_peak_is_where_it_should_be(system: System, tmp_path: Path) -> None:
    files = []
    for number, source in enumerate(sorted(EVENTS.glob("*.root"))):
        copied = Path(shutil.copy(source, tmp_path))
        sample = "zmumu" if source.name.startswith("Zmumu") else "hzz"
        files.append(Input(str(copied), RSES[number % len(RSES)], {"core.data_tier": "raw", "dimuon.sample": sample}))
    register(system.grid, "collisions", files)
    wanted = [file for file in files if file.metadata["dimuon.sample"] == "zmumu"]

    merging = system.submit(converting_and_merging(f"files from {SCOPE}:collisions where dimuon.sample=zmumu"))
    system.finish(merging)
    merged_mql = f"files where namespace=usertests and core.data_tier=merged and dune.workflow['workflow_id']={merging}"
    plot = system.submit(plotting(merged_mql))
    system.finish(plot)

    for workflow_id in (merging, plot):
        books.check_each_processed_once(system.rows, workflow_id)
        books.read(system.grid, system.rows, workflow_id, system.instance).check_files()
    merged = books.read(system.grid, system.rows, merging, system.instance)
    assert _pairs_in(merged) == PAIRS_PER_FILE * len(wanted)
    (picture,) = books.read(system.grid, system.rows, plot, system.instance).metacat.values()
    assert picture["metadata"]["dimuon.peak_gev"] == pytest.approx(91, abs=1)
    assert picture["metadata"]["core.event_count"] == PAIRS_PER_FILE * len(wanted)


def _pairs_in(merged: books.Books) -> int:
    total = 0
    for name, output in merged.outputs.items():
        if name.startswith("dimuon-merged"):
            pfn = merged.rucio["files"][name]["pfns"][output["rse"]]
            with uproot.open(pfn.removeprefix("file://localhost").removeprefix("file://")) as file:
                total += file["pairs"].num_entries
    return total
