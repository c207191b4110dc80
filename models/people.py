"""Who may do what: users, groups, sessions, scopes and the quotas behind them."""

from datetime import datetime

from sqlmodel import Field, SQLModel

from models.columns import moment, now


class User(SQLModel, table=True):
    """A person, or a service acting as one."""

    __tablename__ = "users"

    user_id: int | None = Field(default=None, primary_key=True)
    name: str = Field(unique=True)
    subject: str | None = Field(default=None, unique=True)
    """The issuer's identifier of the person, when sign-in is by OpenID Connect."""
    enabled: bool = True
    disabled_reason: str = ""
    is_admin: bool = False
    created_at: datetime = now()


class Group(SQLModel, table=True):
    """A group as the issuer names it, such as `/dune/production`."""

    __tablename__ = "groups"

    group_id: int | None = Field(default=None, primary_key=True)
    name: str = Field(unique=True)


class GroupMember(SQLModel, table=True):
    """A user's membership of a group."""

    __tablename__ = "group_members"

    group_id: int = Field(foreign_key="groups.group_id", primary_key=True)
    user_id: int = Field(foreign_key="users.user_id", primary_key=True, index=True)


class Session(SQLModel, table=True):
    """A signed-in client; only the hash of its token is kept."""

    __tablename__ = "sessions"

    session_id: int | None = Field(default=None, primary_key=True)
    user_id: int = Field(foreign_key="users.user_id", index=True)
    token_sha256: str = Field(unique=True)
    client: str = ""
    created_at: datetime = now()
    expires_at: datetime = moment()
    revoked_at: datetime | None = moment(default=None)


class ScratchToken(SQLModel, table=True):
    """What lets jobs of a user write into scratch space, sealed with a key that is not in the database."""

    __tablename__ = "scratch_tokens"

    user_id: int = Field(foreign_key="users.user_id", primary_key=True)
    sealed: bytes
    expires_at: datetime = moment()
    set_at: datetime = now()


class Quota(SQLModel, table=True):
    """A Rucio account on whose behalf scopes are processed, with its limits and its share."""

    __tablename__ = "quotas"

    quota_id: int | None = Field(default=None, primary_key=True)
    name: str = Field(unique=True)
    """The Rucio account."""
    group_id: int | None = Field(default=None, foreign_key="groups.group_id")
    """Whose members may use the quota; everybody when null."""
    accounting_group: str = ""
    """HTCondor's accounting group."""
    enabled: bool = True
    disabled_reason: str = ""
    max_input_files: int = 10_000
    """Per workflow."""
    max_running_jobs: int = 2_000
    share: float = 1.0
    """Weight in the fair share among quotas."""


class Scope(SQLModel, table=True):
    """A Rucio scope in which workflows may put outputs."""

    __tablename__ = "scopes"

    name: str = Field(primary_key=True)
    quota_id: int = Field(foreign_key="quotas.quota_id", index=True)
    enabled: bool = True
