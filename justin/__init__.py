"""justIN: a just-in-time workflow system. This package is the client and the vocabulary it shares with the server."""

__version__ = "0.1.0"
