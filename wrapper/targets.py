"""What an upload is: an output, the places it may go to, and how it fails."""

from pathlib import Path
from typing import NamedTuple, Optional

from wrapper.outputs import Output


class UploadError(Exception):
    """An output could not be put where it was to go."""


class AccessRefusedError(UploadError):
    """The place does not take the token, or not for this."""


class Target(NamedTuple):
    """One place where an output may be put."""

    rse: str
    protocol: str
    url: str
    token: str = ""
    size_limit_bytes: Optional[int] = None


class Parcel(NamedTuple):
    """One output on its way."""

    output: Output
    ca_path: str
    timeout_seconds: float

    @property
    def path(self) -> Path:
        """Where the output lies."""
        return self.output.path


def compare(size_bytes: Optional[int], adler32: Optional[str], parcel: Parcel, place: str) -> None:
    """Raise UploadError unless what lies at a place is the output; what the place does not tell is not compared."""
    told = (size_bytes, adler32)
    wanted = (
        parcel.output.size_bytes if size_bytes is not None else None,
        parcel.output.adler32 if adler32 is not None else None,
    )
    if told != wanted:
        raise UploadError("{} holds size and adler32 {}, not {}".format(place, told, wanted))
