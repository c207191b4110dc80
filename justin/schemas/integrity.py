"""What the API shows of the comparison of a workflow's books: its badge, and what was found."""

from datetime import datetime

from justin.schemas.views import View
from justin.states import FindingKind, Integrity


class FindingView(View):
    """Something that was wrong with an output or a dataset."""

    finding_id: int
    kind: FindingKind
    did: str
    """Of the file, or of the dataset when that is what is wrong."""
    place: str
    """`metacat`, `rucio`, or the name of the storage."""
    dataset: str
    """The dataset in which it was noticed; empty for what concerns the file itself."""
    expected: str
    found: str
    remedy: str
    """What a person can do; empty for what is repaired."""
    found_at: datetime
    repaired_at: datetime | None


class IntegrityView(View):
    """Whether the books of a workflow's outputs agree."""

    workflow_id: int
    badge: Integrity = Integrity.UNKNOWN
    reason: str = ""
    """Why it is unknown."""
    checked_at: datetime | None = None
    """When the last whole check ended."""
    being_checked: bool = False
    next_check_at: datetime | None = None
    files: int = 0
    """Outputs that were looked at, so far or in the last check."""
    findings: list[FindingView] = []
    """What the last whole check found, repaired or not."""
