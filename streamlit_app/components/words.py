"""Words that other people wrote, where Streamlit would read them as Markdown."""

import re
from typing import Final

_MEANT: Final = re.compile(r"([^\w\s])")


def plain(text: str) -> str:
    """Return a text that Markdown shows as it is, on one line: no picture, link, colour or formula comes of it."""
    return _MEANT.sub(r"\\\1", " ".join(text.split()))


def name(text: str) -> str:
    """Return a name of ours, of which Markdown would make an address of a person."""
    return f"`{text.replace('`', '')}`"
