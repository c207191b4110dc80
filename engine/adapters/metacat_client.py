"""MetaCat's own client, made fit for a server: bounded patience, a checked sign-in, no token in home directories."""

import random
import threading
import time
from typing import Any, Final

import requests
from metacat.common import SignedToken
from metacat.webapi.webapi import HTTPClient, MetaCatClient
from requests.auth import HTTPDigestAuth

from engine.errors import Unavailable
from engine.settings import MetaCat as MetaCatSettings
from engine.settings import read_password

BUSY: Final = frozenset({502, 503, 504, 521, 524})
PAUSES_SECONDS: Final = (0.5, 2.0)
RENEW_BEFORE_SECONDS: Final = 300


class BoundedClient(MetaCatClient):  # type: ignore[misc]  # published without types
    """The packaged client; threads may share it.

    Left to itself it repeats a busy answer for half an hour, signs in without checking the server's certificate or
    any time limit, and keeps tokens in a file of the home directory.
    """

    def __init__(self, settings: MetaCatSettings) -> None:
        # Not the parent's own: that opens the token file.
        HTTPClient.__init__(self, settings.url.rstrip("/"), token=None, timeout=settings.timeout_seconds)
        self.Token: SignedToken | None = None
        self._user = settings.username
        self._password_file = settings.password_file
        self._http = requests.Session()
        self._http.trust_env = False
        self._signing_in = threading.Lock()

    def sign_in(self, *, again: bool = False) -> None:
        """Get a token unless there is one that lasts; `again` gets one whatever there is."""
        if self._password_file is None:
            return
        with self._signing_in:
            if again or self.Token is None or self.Token.expiration <= time.time() + RENEW_BEFORE_SECONDS:
                self.Token = self._new_token()

    def retry_request(
        self,
        method: str,
        url: str,
        timeout: float | None = None,  # noqa: ARG002  of the parent, which nobody gives
        *,
        stream: bool = False,
        **options: Any,
    ) -> requests.Response:
        """Send a request, and again a few times when the server is busy or cannot be reached."""
        for pause in (*PAUSES_SECONDS, None):
            try:
                response = self._http.request(method, url, timeout=self.Timeout, stream=stream, **options)
            except requests.ConnectionError:
                if pause is None:
                    raise
            else:
                if pause is None or response.status_code not in BUSY:
                    return response
                response.close()
            time.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311  to spread repetitions
        raise AssertionError  # the loop ends by returning or raising

    def send_request(self, method: str, uri_suffix: str, **options: Any) -> requests.Response:
        """Send a request and read the whole answer, which the parent leaves open."""
        response: requests.Response = super().send_request(method, uri_suffix, **(options | {"stream": False}))
        return response

    def stream(self, uri_suffix: str, body: bytes) -> requests.Response:
        """Send a request whose answer is read line by line; the caller closes it."""
        headers = {"Accept": "application/json-seq", "Content-Type": "text/json"}
        response: requests.Response = super().send_request("post", uri_suffix, headers=headers, data=body, stream=True)
        return response

    def _new_token(self) -> SignedToken:
        password = read_password(self._password_file).get_secret_value()
        response = self._sign_in_by("ldap", data=f"{self._user}:{password}".encode())
        if response.status_code != requests.codes.ok:
            # Servers without a directory of users take the digest instead.
            response = self._sign_in_by("digest", auth=HTTPDigestAuth(self._user, password))
        if response.status_code != requests.codes.ok or "X-Authentication-Token" not in response.headers:
            raise Unavailable(f"MetaCat does not let {self._user} sign in: status {response.status_code}")
        return SignedToken.decode(response.headers["X-Authentication-Token"])

    def _sign_in_by(self, method: str, **options: Any) -> requests.Response:
        url = f"{self.ServerURL}/auth/auth?method={method}"
        return self.retry_request("post" if "data" in options else "get", url, **options)
