"""What came of making files again."""

from typing import Any

from pydantic import computed_field

from justin.schemas.views import View


class Difference(View):
    """Something that is not as it was: a size, a checksum, or a key of metadata."""

    what: str
    before: Any
    now: Any


class FileComparison(View):
    """A file and the one that was made in its place."""

    did: str
    made: str | None
    """None when there is none."""
    differences: list[Difference]


class Comparison(View):
    """All files of a recipe, and those that were made in their place."""

    sha256: str
    """The recipe's."""
    workflow_ids: list[int]
    files: list[FileComparison]

    @computed_field  # type: ignore[prop-decorator]  # pydantic reads the decorators in this order
    @property
    def equal(self) -> bool:
        """Whether nothing differs."""
        return bool(self.files) and not any(file.differences for file in self.files)
