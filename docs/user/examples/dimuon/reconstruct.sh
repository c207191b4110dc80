#!/bin/bash
# Stage 2: turn each simulated file into one reconstructed file with the mass of every muon pair, and its metadata.

while did_pfn_rse=$("$JUSTIN_PATH/justin-get-file" --seconds-needed 30)
do
  did=$(echo "$did_pfn_rse" | cut -f1 -d' ')
  pfn=$(echo "$did_pfn_rse" | cut -f2 -d' ')
  input=${pfn#file://localhost}         # storage of this machine; root:// addresses are opened as they are
  name=$(basename "$pfn" | sed 's/-sim-/-reco-/')
  echo "reconstructing $did from $pfn"

  python3 - "$did" "$input" "$name" <<'PYTHON'
import json
import os
import sys

import numpy as np
import uproot

did, source, name = sys.argv[1:]

with uproot.open(source) as file:
    tracks = file["tracks"].arrays(library="np")

transverse = {muon: 1 / np.abs(tracks[muon + "_curvature"]) for muon in ("minus", "plus")}
accepted = np.ones(len(tracks["event"]), dtype=bool)
for muon in ("minus", "plus"):
    accepted &= (np.abs(tracks[muon + "_eta"]) < 2.4) & (transverse[muon] > 20)

# Two light particles: M^2 = 2 pt1 pt2 (cosh(eta1 - eta2) - cos(phi1 - phi2))
opening = np.cosh(tracks["minus_eta"] - tracks["plus_eta"]) - np.cos(tracks["minus_phi"] - tracks["plus_phi"])
mass = np.sqrt(2 * transverse["minus"] * transverse["plus"] * opening)

with uproot.recreate("unfinished.tmp") as file:
    file["pairs"] = {
        "event": tracks["event"][accepted],
        "M": mass[accepted],
        "minus_pt": transverse["minus"][accepted],
        "plus_pt": transverse["plus"][accepted],
    }

metadata = {
    "core.data_tier": "reconstructed",
    "core.event_count": int(accepted.sum()),
    "core.file_type": "mc",
    "dimuon.simulated_events": len(accepted),
}
with open(name + ".json", "w") as file:
    json.dump({"metadata": metadata, "parents": [{"did": did}]}, file)
os.rename("unfinished.tmp", name)
print("kept", int(accepted.sum()), "of", len(accepted), "events")
PYTHON
  result=$?
  if [ $result -ne 0 ]
  then
    echo "reconstruction of $did failed with $result"
    exit 1
  fi
  echo "$did" >> justin-processed-dids.txt
done

exit 0
