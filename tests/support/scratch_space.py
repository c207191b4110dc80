"""Scratch space as users have it: WsgiDAV over TLS, behind a door that checks tokens and redirects to a pool node."""

import ipaddress
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

from cheroot import wsgi
from cheroot.ssl.builtin import BuiltinSSLAdapter
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from wsgidav.fs_dav_provider import FilesystemProvider
from wsgidav.wsgidav_app import WsgiDAVApp

TOKEN = "token-of-alice"
ONE_TIME = "dcache-http-uuid=1"
"""A pool node of dCache takes what its door has let in by a word in the address, and no token."""

Environ = dict[str, Any]
Start = Callable[..., Any]


@dataclass
class ScratchSpace:
    """A door and a pool node over one directory."""

    directory: Path
    ca_path: Path
    url: str = ""
    pool_url: str = ""
    redirects: bool = True
    seen: list[tuple[str, str, str]] = field(default_factory=list)
    """Method, path and place of each request."""
    tokens_at_pool: int = 0

    def files(self) -> dict[str, bytes]:
        """What lies there, by path."""
        found = (path for path in self.directory.rglob("*") if path.is_file())
        return {str(path.relative_to(self.directory)): path.read_bytes() for path in found}


@contextmanager
def scratch_space(directory: Path) -> Iterator[ScratchSpace]:
    """Run one for as long as the context lasts."""
    (directory / "files").mkdir(parents=True)
    certificate = directory / "certificate.pem"
    certificate.write_bytes(_certificate())
    space = ScratchSpace(directory / "files", certificate)
    dav = WsgiDAVApp(
        {
            "provider_mapping": {"/": FilesystemProvider(str(space.directory))},
            "simple_dc": {"user_mapping": {"*": True}},
            "verbose": 0,
            "logging": {"enable": False},
        }
    )
    with _served(_door(space, dav), certificate) as url, _served(_pool(space, dav), certificate) as pool_url:
        space.url, space.pool_url = url, pool_url
        yield space


def _door(space: ScratchSpace, dav: Callable[..., Iterable[bytes]]) -> Callable[..., Iterable[bytes]]:
    def answer(environ: Environ, start: Start) -> Iterable[bytes]:
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        space.seen.append((method, path, "door"))
        if environ.get("HTTP_AUTHORIZATION") != f"Bearer {TOKEN}":
            start("401 Unauthorized", [("Content-Length", "0")])
            return []
        if space.redirects and method == "PUT" and (space.directory / path.strip("/")).parent.is_dir():
            where = f"{space.pool_url}{quote(path)}?{ONE_TIME}"
            start("307 Temporary Redirect", [("Location", where), ("Content-Length", "0")])
            return []
        return _pass_on(dav, environ, start)

    return answer


def _pool(space: ScratchSpace, dav: Callable[..., Iterable[bytes]]) -> Callable[..., Iterable[bytes]]:
    def answer(environ: Environ, start: Start) -> Iterable[bytes]:
        space.seen.append((environ["REQUEST_METHOD"], environ["PATH_INFO"], "pool"))
        space.tokens_at_pool += "HTTP_AUTHORIZATION" in environ
        if environ.get("QUERY_STRING") != ONE_TIME:
            start("403 Forbidden", [("Content-Length", "0")])
            return []
        return _pass_on(dav, environ, start)

    return answer


def _pass_on(dav: Callable[..., Iterable[bytes]], environ: Environ, start: Start) -> Iterable[bytes]:
    environ.pop("HTTP_AUTHORIZATION", None)
    return dav(environ, start)


@contextmanager
def _served(app: Callable[..., Iterable[bytes]], certificate: Path) -> Iterator[str]:
    server = wsgi.Server(("127.0.0.1", 0), app, numthreads=4)
    server.ssl_adapter = BuiltinSSLAdapter(str(certificate), str(certificate))
    server.prepare()
    thread = threading.Thread(target=server.serve, daemon=True)
    thread.start()
    try:
        yield f"https://127.0.0.1:{server.bind_addr[1]}"
    finally:
        server.stop()
        thread.join(10)


def _certificate() -> bytes:
    """Make a key and a certificate for 127.0.0.1, its own authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "scratch space of a test")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return private + made.public_bytes(serialization.Encoding.PEM)
