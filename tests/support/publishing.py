"""Publishers in processes of their own, to be killed: `python -m tests.support.publishing`."""

import os
import random
import signal
import sys
import time
from pathlib import Path
from typing import NoReturn

from pydantic import SecretStr

from engine import publisher, wiring
from engine.event_settings import Publisher
from engine.runtime import Runtime
from engine.settings import Database, Settings

BATCH = 10


def settings(file: Path, index_url: str) -> Publisher:
    """Make settings that tell a file and an index of events in small batches, and try again at once."""
    return Publisher(
        file=file,
        file_max_bytes=100_000,
        file_keep=1000,
        index_urls=[index_url],
        batch=BATCH,
        timeout_seconds=5,
        first_retry_seconds=0.001,
        last_retry_seconds=0.001,
        lease_seconds=0.1,
    )


def assemble(url: str, file: Path, index_url: str) -> Runtime:
    """Make a runtime with such settings."""
    made = Settings(database=Database(url=SecretStr(url)), publisher=settings(file, index_url))
    return wiring.assemble(made, "justin-test-publisher")


def kill_publishers(runtime: Runtime, kills: int) -> None:
    """Let one publisher after the other begin to tell of events, and kill each at a random moment of it."""
    dice = random.Random(kills)
    # A connection must not be used by two processes.
    runtime.database.close()
    for _ in range(kills):
        reading, writing = os.pipe()
        child = os.fork()
        if not child:
            _publish_for_ever(runtime, writing)
        os.close(writing)
        assert os.read(reading, 1), "the publisher has ended by itself"
        time.sleep(dice.uniform(0, 0.08))
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        assert os.WIFSIGNALED(status), "the publisher has ended by itself"
        os.close(reading)


def _publish_for_ever(runtime: Runtime, writing: int) -> NoReturn:
    try:
        while True:
            for sink in runtime.sinks:
                if publisher.publish(runtime, sink).events:
                    os.write(writing, b"!")
    finally:
        os._exit(os.EX_SOFTWARE)


def main(url: str, file: str, index_url: str, kills: str) -> None:
    """Do so in a process that has no threads, for it is forked."""
    kill_publishers(assemble(url, Path(file), index_url), int(kills))


if __name__ == "__main__":
    main(*sys.argv[1:])
