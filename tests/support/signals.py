"""Signals as a person's terminal leaves them, whoever started the tests.

What was started in the background of a shell ignores the interruption from the keyboard, and so do its children.
"""

import signal


def pytest_configure() -> None:
    """Let programs that tests start be interrupted."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
