"""What is known of files that users upload."""

from justin.schemas.views import View


class CodeView(View):
    """Code that was uploaded for jobs to see."""

    sha256: str
    """Of its tar."""
    path: str = ""
    """Where jobs see its files; empty until they do."""
