"""A storage that speaks WebDAV as grid storages do: a door that redirects, pools that hold the files, and tokens."""

import threading
import zlib
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import unquote, urlsplit

TOKEN = "write-token"


@dataclass
class Seen:
    """One request that arrived."""

    method: str
    path: str
    authorized: bool
    body_bytes: int
    port: int


@dataclass
class Behaviour:
    """What is wrong with this storage."""

    redirects: bool = False
    knows_expect: bool = True
    put_status: int = 0
    loses_bytes: int = 0
    wrong_adler32: bool = False
    tells_digest: bool = True
    fails_once_made: bool = False
    """Whether the making of a collection ends with an error although it is there then, as when two make it at once."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    @property
    def storage(self) -> "WebDavServer":
        assert isinstance(self.server, Listener)
        return self.server.storage

    @property
    def here(self) -> int:
        assert isinstance(self.server, Listener)
        return self.server.server_port

    @property
    def file(self) -> Path:
        return self.storage.directory / unquote(urlsplit(self.path).path).strip("/")

    def handle_expect_100(self) -> bool:
        """Keep quiet until the method has decided."""
        return True

    def do_PUT(self) -> None:
        door = self.here == self.storage.door
        if door and not self._authorized():
            return self._answer(401)
        if door and self.storage.behaviour.redirects:
            return self._answer(307, {"Location": f"http://127.0.0.1:{self.storage.pool}{self.path}?one-time=1"})
        if not self.file.parent.is_dir():
            return self._answer(409)
        if self.storage.behaviour.knows_expect:
            self.send_response_only(100)
            self.end_headers()
        content = self.rfile.read(int(self.headers["Content-Length"]))
        if self.storage.behaviour.put_status:
            return self._answer(self.storage.behaviour.put_status, body_bytes=len(content))
        self.file.write_bytes(content[: len(content) - self.storage.behaviour.loses_bytes])
        return self._answer(201, body_bytes=len(content))

    def do_MKCOL(self) -> None:
        if not self._authorized():
            return self._answer(401)
        if self.file.exists():
            return self._answer(405)
        if not self.file.parent.is_dir():
            return self._answer(409)
        self.file.mkdir()
        return self._answer(500 if self.storage.behaviour.fails_once_made else 201)

    def do_HEAD(self) -> None:
        if not self._authorized():
            return self._answer(401)
        if not self.file.is_file():
            return self._answer(404)
        content = self.file.read_bytes()
        checksum = 0 if self.storage.behaviour.wrong_adler32 else zlib.adler32(content)
        # Some storages leave the leading zeros out.
        digest = {"Digest": f"adler32={checksum:x}"} if self.storage.behaviour.tells_digest else {}
        return self._answer(200, digest, length=len(content))

    def do_GET(self) -> None:
        door = self.here == self.storage.door
        if door and not self._authorized():
            return self._answer(401)
        if door and self.storage.behaviour.redirects:
            return self._answer(307, {"Location": f"http://127.0.0.1:{self.storage.pool}{self.path}?one-time=1"})
        if not self.file.is_file():
            return self._answer(404)
        content = self.file.read_bytes()
        self._answer(200, length=len(content))
        self.wfile.write(content)
        return None

    def do_DELETE(self) -> None:
        if not self._authorized():
            return self._answer(401)
        if not self.file.is_file():
            return self._answer(404)
        self.file.unlink()
        return self._answer(204)

    def _authorized(self) -> bool:
        return self.headers.get("Authorization") == f"Bearer {TOKEN}"

    def _answer(
        self, status: int, headers: dict[str, str] | None = None, *, length: int = 0, body_bytes: int = 0
    ) -> None:
        self.storage.seen.append(Seen(self.command, self.path, self._authorized(), body_bytes, self.here))
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(length))
        self.end_headers()
        self.close_connection = True

    def log_message(self, *_words: object) -> None:
        """Keep the tests' output clean."""


class Listener(ThreadingHTTPServer):
    """One address of a storage."""

    daemon_threads = True

    def __init__(self, storage: "WebDavServer") -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.storage = storage


@dataclass
class WebDavServer:
    """A door and a pool over one directory."""

    directory: Path
    behaviour: Behaviour = field(default_factory=Behaviour)
    seen: list[Seen] = field(default_factory=list)

    def __enter__(self) -> Self:
        self.directory.mkdir(exist_ok=True)
        self._servers = [Listener(self) for _ in range(2)]
        for server in self._servers:
            threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        self.door, self.pool = (server.server_port for server in self._servers)
        self.url = f"http://127.0.0.1:{self.door}"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for server in self._servers:
            server.shutdown()
            server.server_close()
