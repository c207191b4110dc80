"""Who asks, and what they may do: signed tokens, digest passwords, owners of namespaces."""

import hashlib
import hmac
import re
import time
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import PlainTextResponse, Response
from jwt import PyJWTError

from localgrid.metacat.database import Connection, Database
from localgrid.metacat.errors import (
    BadRequestError,
    ForbiddenError,
    NotAuthenticatedError,
    NotFoundError,
    ServerError,
)
from localgrid.metacat.library import DBNamespace, DBUser, SignedToken

REALM = "metacat"
ISSUER = "metacat"
TOKEN_SECONDS = 7 * 86400
NONCE_SECONDS = 300
DIGEST_FIELD = re.compile(r'(\w+)\s*=\s*(?:"([^"]*)"|([^\s,]+))')
NEEDED_DIGEST_FIELDS = ("username", "nonce", "uri", "response", "qop", "nc", "cnonce")

router = APIRouter(prefix="/auth")


def token_key(request: Request) -> bytes:
    """Return the key that tokens are signed with."""
    key: bytes = request.app.state.token_key
    return key


def presented_token(request: Request) -> str:
    """Return the token that came with a request, or an empty text."""
    scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
    token = request.headers.get("x-authentication-token") or request.cookies.get("auth_token")
    return token or (bearer.strip() if scheme.lower() == "bearer" else "")


def subject(request: Request) -> str:
    """Return the user that the request's token names; raises when it has no valid token."""
    encoded = presented_token(request)
    if not encoded:
        message = "Token not found"
        raise NotAuthenticatedError(message)
    try:
        token = SignedToken.from_bytes(encoded)
        token.verify(token_key(request))
    except PyJWTError as error:
        message = f"Token verification failed: {error}"
        raise NotAuthenticatedError(message) from error
    return str(token.subject)


def known_caller(request: Request, database: Database) -> Any:
    """Return the user who asks; 401 when it is nobody we know."""
    name = subject(request)
    user = DBUser.get(database, name)
    if user is None:
        message = f"user {name} not found"
        raise NotAuthenticatedError(message)
    return user


def allowed_caller(request: Request, database: Database) -> Any:
    """Return the user who asks; 403 when it is nobody we know, as the real server answers on most paths."""
    try:
        return known_caller(request, database)
    except NotAuthenticatedError as error:
        raise ForbiddenError(error.body) from error


KnownCaller = Annotated[Any, Depends(known_caller)]
Caller = Annotated[Any, Depends(allowed_caller)]


def check_owner(database: Connection, namespace: str, user: Any, wish: str) -> None:
    """Raise unless the namespace exists and belongs to the user, or to a role of theirs, or they are administrator."""
    found = DBNamespace.get(database, namespace)
    if found is None:
        message = f"Namespace {namespace} does not exist"
        raise NotFoundError(message)
    if not user.is_admin() and not found.owned_by_user(user):
        message = f"Permission to {wish} in namespace {namespace} denied"
        raise ForbiddenError(message)


@router.api_route("/whoami", methods=["GET", "POST"])
def whoami(request: Request) -> Response:
    """Answer with the user's name, empty for nobody."""
    try:
        return PlainTextResponse(subject(request))
    except ServerError:
        return PlainTextResponse("")


@router.api_route("/verify", methods=["GET", "POST"])
def verify(request: Request) -> Response:
    """Say whether the token is valid."""
    subject(request)
    return PlainTextResponse("OK")


@router.api_route("/mydn", methods=["GET", "POST"])
def my_distinguished_name() -> Response:
    """Refuse: there are no certificates without TLS."""
    message = "Use HTTPS connection"
    raise BadRequestError(message)


@router.api_route("/auth", methods=["GET", "POST"])
def authenticate(request: Request, database: Database, method: str = "digest", username: str = "") -> Response:
    """Give a token for a digest of the user's password, or for another token of theirs."""
    if method == "digest":
        if not request.headers.get("authorization", "").lower().startswith("digest "):
            return _challenge(request)
        return _token_answer(request, _digest_user(request, database))
    if method == "token":
        if subject(request) != username or DBUser.get(database, username) is None:
            message = "Authentication failed\n"
            raise NotAuthenticatedError(message)
        return _token_answer(request, username)
    # The client's login_password tries ldap first and then, after any refusal, digest.
    message = f"{method} is not configured\n"
    raise NotAuthenticatedError(message)


def _token_answer(request: Request, username: str) -> Response:
    token = SignedToken({}, subject=username, expiration=TOKEN_SECONDS, issuer=ISSUER).encode(token_key(request))
    return PlainTextResponse("", headers={"X-Authentication-Token": token})


def _challenge(request: Request) -> Response:
    challenge = f'Digest realm="{REALM}", nonce="{_nonce(request, int(time.time()))}", algorithm=MD5, qop="auth"'
    return PlainTextResponse("Authorization required", 401, {"WWW-Authenticate": challenge})


def _nonce(request: Request, moment: int) -> str:
    """Return a nonce that says itself when it was made, so that none need be remembered."""
    return f"{moment}.{hmac.new(token_key(request), f'nonce {moment}'.encode(), hashlib.sha256).hexdigest()}"


def _digest_user(request: Request, database: Connection) -> str:
    """Return the user who proves, by RFC 2617, that they know their password."""
    header = request.headers["authorization"]
    given = {name: quoted or bare for name, quoted, bare in DIGEST_FIELD.findall(header[len("digest ") :])}
    user = DBUser.get(database, given.get("username"))
    secret = user.get_password(REALM) if user else None
    complete = all(given.get(name) for name in NEEDED_DIGEST_FIELDS)
    if not complete or not secret or not _fresh(request, given["nonce"]) or not _proves(request, given, secret):
        message = "Authentication failed\n"
        raise NotAuthenticatedError(message)
    return str(given["username"])


def _fresh(request: Request, nonce: str) -> bool:
    moment = nonce.partition(".")[0]
    if not moment.isdigit() or not hmac.compare_digest(nonce, _nonce(request, int(moment))):
        return False
    return time.time() - int(moment) < NONCE_SECONDS


def _proves(request: Request, given: dict[str, str], secret: str) -> bool:
    asked = _md5(f"{request.method}:{given['uri']}")
    expected = _md5(":".join((secret, given["nonce"], given["nc"], given["cnonce"], given["qop"], asked)))
    return hmac.compare_digest(expected, given["response"])


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
