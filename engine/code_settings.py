"""The settings of the places where users' code lies."""

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, Field, StringConstraints

Address = Annotated[str, StringConstraints(pattern=r"^(https?|ssh|git)://([A-Za-z0-9_.-]+@)?[^\s@]+$")]
"""Of a place with repositories, without a password: all users would read what it opens."""

Organisation = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$")]

WebAddress = Annotated[str, StringConstraints(pattern=r"^https?://[^\s@]+$")]


class Git(BaseModel):
    """The git repositories that users name."""

    url: Address | None = "https://github.com"
    """Where ORG/REPO is looked for; nowhere but in the places of the next two when null."""
    hosts: dict[Organisation, Address] = {}
    """For an ORG, the address below which its repositories lie instead, as in {"lab": "https://git.lab.example/lab"}."""
    directory: Path | None = None
    """A folder of local repositories, as ORG/REPO.git or ORG/REPO, looked for first."""
    mirrors: Path = Path("var/git")
    """Where copies of commits are kept; it may be emptied at any time that nothing runs."""
    config_file: Path | None = None
    """A configuration of git's own, for proxies and certificates; that of the account is not read."""
    answer_seconds: Annotated[float, Field(gt=0)] = 30.0
    """How long a host may take to say what a reference is."""
    timeout_seconds: Annotated[float, Field(gt=0)] = 300.0
    """How long a host may take to give the files of a commit."""
    max_fetch_bytes: Annotated[int, Field(gt=0)] = 2 << 30
    """Of a commit as git keeps it; more is broken off."""
    max_archive_bytes: Annotated[int, Field(gt=0)] = 1 << 30
    """Of a commit's files in one tar."""
    keep_seconds: Annotated[float, Field(gt=0)] = 30 * 86_400.0
    """How long a copy is kept that nobody asked for."""
    watch_seconds: Annotated[float, Field(gt=0)] = 3600.0
    """How often the hosts are asked whether tags and branches that running workflows name have moved."""


class Rcds(BaseModel):
    """The service that publishes code where every node sees it, below /cvmfs."""

    urls: list[WebAddress] = []
    """Of its servers, without `/pubapi`: when one does not answer, the next is asked."""
    token_file: Path | None = None
    """Holds the token that it knows us by; somebody else keeps it fresh."""
    ca_file: Path | None = None
    """The authorities that its certificates come from; the machine's own when it is not set."""
    group: Organisation = "dune"
    """Under which publications go there: each is called GROUP/SHA256."""
    timeout_seconds: Annotated[float, Field(gt=0)] = 30.0
    """For each answer."""
    upload_seconds: Annotated[float, Field(gt=0)] = 600.0
    """How long it may take to answer when it was sent a tar."""
    tries: Annotated[int, Field(ge=1)] = 3
    """How often all its servers are asked in one go, with pauses that double between."""
    first_pause_seconds: Annotated[float, Field(ge=0)] = 1.0
    max_bytes: Annotated[int, Field(gt=0)] = 1 << 30
    """Of a tar; a larger one is refused before it is sent."""
    resend_seconds: Annotated[float, Field(gt=0)] = 900.0
    """When what was sent has not appeared for so long, it is sent again."""
    renew_seconds: Annotated[float, Field(gt=0)] = 86_400.0
    """How often what unfinished workflows use is renewed, and published again if it is gone."""
    lifetime_seconds: Annotated[float, Field(gt=0)] = 30 * 86_400.0
    """How long it keeps what is not renewed."""
    job_wait_seconds: Annotated[float, Field(ge=0)] = 600.0
    """How long a job waits on its node for code to become visible there."""
