"""One conversation with HTCondor: a child process that makes the calls, and is ended when one takes too long."""

import json
import os
import selectors
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from engine.errors import ServiceRefused, Unavailable

ROOT: Final = Path(__file__).resolve().parents[2]
COMMAND: Final = (sys.executable, "-m", "engine.adapters.condor_calls")
KEPT_VARIABLES: Final = ("HOME", "LANG", "LD_LIBRARY_PATH", "PATH", "TMPDIR", "USER")
PIECE_BYTES: Final = 1 << 20
END_SECONDS: Final = 5.0


class CondorProcess:
    """A child that speaks to the daemons; for one thread at a time, and ended with the context."""

    def __init__(self, settings: Mapping[str, str], timeout_seconds: float) -> None:
        self._timeout_seconds = timeout_seconds
        kept = {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}
        self._child = subprocess.Popen(
            COMMAND,
            cwd=ROOT,
            env={**kept, "PYTHONPATH": str(ROOT), **settings},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def call(self, service: str, call: str, **arguments: Any) -> Any:
        """Make a call and return its outcome; `service` is whom it is made to, for the message when it fails.

        Raises `Unavailable` when that is silent for too long, and `ServiceRefused` when it does not let us.
        """
        line = json.dumps({"call": call, "arguments": arguments}) + "\n"
        try:
            self._write(line.encode())
            outcome = json.loads(self._read())
        except (OSError, EOFError, ValueError) as error:
            self.close()
            raise Unavailable(f"{service} cannot be asked: {error}") from error
        if "error" in outcome:
            kind = ServiceRefused if outcome["refused"] else Unavailable
            raise kind(f"{service} fails to {call}: {outcome['error']}")
        return outcome["value"]

    def close(self) -> None:
        """End the child, also in the middle of a call."""
        self._child.kill()
        with suppress(subprocess.TimeoutExpired):
            self._child.wait(END_SECONDS)
        for pipe in (self._child.stdin, self._child.stdout):
            if pipe:
                with suppress(OSError):
                    pipe.close()

    def _write(self, line: bytes) -> None:
        if self._child.stdin is None:
            raise EOFError("it has no input")
        self._child.stdin.write(line)
        self._child.stdin.flush()

    def _read(self) -> bytes:
        """Return the child's next line."""
        if self._child.stdout is None:
            raise EOFError("it has no output")
        descriptor = self._child.stdout.fileno()
        deadline = time.monotonic() + self._timeout_seconds
        said = b""
        with selectors.DefaultSelector() as selector:
            selector.register(descriptor, selectors.EVENT_READ)
            while not said.endswith(b"\n"):
                if not selector.select(max(0.0, deadline - time.monotonic())):
                    raise TimeoutError(f"there was no answer within {self._timeout_seconds:.0f} s")
                piece = os.read(descriptor, PIECE_BYTES)
                if not piece:
                    raise EOFError("the process that asks has ended")
                said += piece
        return said
