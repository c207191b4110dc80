"""Which image exactly a container is made of, for names of images stay while the images change."""

import hashlib
import os
import re

LIMIT_BYTES = 1 << 30
"""Of an image in one file that is read to the end; it would be fetched whole from /cvmfs."""
BLOCK_BYTES = 4 << 20
UNPACKED = re.compile(r"/\.(?:flat|images)/[0-9a-f]{2}/([0-9a-f]{64})(?:/|$)")
"""Where the images unpacked on /cvmfs really are: their names are symbolic links to folders named by the digest."""


def digest(image: str, limit_bytes: int = LIMIT_BYTES) -> str:
    """Return `sha256:HEX` of an unpacked image, `file:BYTES:sha256:HEX` of one in a file, or nothing.

    Of a larger file only `file:BYTES`; of what is fetched from a registry, and of a folder, nothing can be said.
    """
    real = os.path.realpath(image)
    unpacked = UNPACKED.search(real)
    if unpacked:
        return "sha256:" + unpacked.group(1)
    try:
        return _of_file(real, limit_bytes) if os.path.isfile(real) else ""
    except OSError:
        # Apptainer says it better when it cannot read the image either.
        return ""


def _of_file(path: str, limit_bytes: int) -> str:
    size_bytes = os.path.getsize(path)
    if size_bytes > limit_bytes:
        return "file:{}".format(size_bytes)
    content = hashlib.sha256()
    with open(path, "rb", buffering=0) as file:
        for block in iter(lambda: file.read(BLOCK_BYTES), b""):
            content.update(block)
    return "file:{}:sha256:{}".format(size_bytes, content.hexdigest())
