"""What the reconciler mends by itself, and what it leaves to people: the one table, shown in the operator's guide.

It never deletes or overwrites bytes, never changes a size or a checksum, and never takes a file out of a dataset: what
that would take is reported.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from justin.states import FindingKind


@dataclass(frozen=True, slots=True)
class Policy:
    """What is done about a kind of damage."""

    repair: str
    """What the reconciler does; empty when it only reports."""
    remedy: str
    """What a person can do, where nothing is repaired."""


_LOOK = "Find out which of the two is right; restore the file from another copy, or fail it and have it made again."

POLICIES: Final[Mapping[FindingKind, Policy]] = {
    FindingKind.METACAT_FILE_MISSING: Policy(
        "declares the file again, with metadata and parents, unless somebody has retired it or its bytes are wrong",
        "When it was not retired on purpose, take it back in MetaCat; then check the workflow again.",
    ),
    FindingKind.METACAT_FILE_DIFFERS: Policy("", _LOOK),
    FindingKind.METADATA_LOST: Policy("sets the keys that are gone", "Set the keys again in MetaCat."),
    FindingKind.STATUS_NOT_CONFIRMED: Policy("sets dune.output_status", "Set dune.output_status in MetaCat."),
    FindingKind.PARENTS_MISSING: Policy("adds the parents", "Add the parents in MetaCat."),
    FindingKind.RUCIO_FILE_MISSING: Policy(
        "registers the replica again when the bytes were seen at the storage, with the right size",
        "See that the file lies at the storage, and register the replica in Rucio; or restore it from another copy.",
    ),
    FindingKind.RUCIO_FILE_DIFFERS: Policy("", _LOOK),
    FindingKind.BYTES_MISSING: Policy(
        "", "Declare the replica bad in Rucio when there is another copy; else have the file made again."
    ),
    FindingKind.BYTES_DIFFER: Policy(
        "", "Declare the replica bad in Rucio when there is another copy; else have the file made again."
    ),
    FindingKind.DROPPED_FILE_KNOWN: Policy(
        "retires the file in MetaCat, so that no query finds it",
        "Its job did not finish and its inputs were processed again: let Rucio delete it, or keep it under a new name.",
    ),
    FindingKind.DATASET_MISSING: Policy("makes the dataset again, with its rule", "Make the dataset again."),
    FindingKind.DATASET_METADATA_LOST: Policy("sets dune.workflow", "Set dune.workflow of the dataset in MetaCat."),
    FindingKind.DATASET_OPEN: Policy("closes the dataset of a finished workflow", "Close the dataset."),
    FindingKind.DATASET_CLOSED: Policy("opens the dataset of a running workflow", "Open the dataset."),
    FindingKind.RULE_MISSING: Policy("makes the rule again", "Make the rule again in Rucio."),
    FindingKind.RULE_DOUBLED: Policy("", "Delete one of the rules in Rucio, when nobody has made it on purpose."),
    FindingKind.MEMBER_MISSING: Policy(
        "puts the file into the dataset, when nothing else is wrong with the file",
        "Mend the file, and check the workflow again.",
    ),
    FindingKind.FOREIGN_FILE: Policy("", "Take the file out of the dataset, when nobody has put it there on purpose."),
}


def remedy(kind: FindingKind) -> str:
    """Return what a person can do."""
    return POLICIES[kind].remedy
