"""The settings of the server, from the environment (`JUSTIN_SECTION__NAME`) and an optional TOML file."""

import os
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, Field, SecretStr, StringConstraints
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource


class Database(BaseModel):
    """PostgreSQL."""

    url: SecretStr = SecretStr("postgresql+psycopg://localhost/justin")
    """With the password, if there is one."""
    pool_size: Annotated[int, Field(ge=1)] = 10
    statement_timeout_seconds: Annotated[float, Field(gt=0)] = 60.0


class Rucio(BaseModel):
    """The Rucio server, and the production account there."""

    url: str = "http://localhost:9700"
    account: str = "justin"
    username: str = "justin"
    password_file: Path | None = None
    timeout_seconds: Annotated[float, Field(gt=0)] = 60.0


class MetaCat(BaseModel):
    """The MetaCat server, and the production user there."""

    url: str = "http://localhost:9800"
    username: str = "justin"
    password_file: Path | None = None
    timeout_seconds: Annotated[float, Field(gt=0)] = 60.0


class Pool(BaseModel):
    """Where jobs are submitted."""

    kind: Literal["processes", "condor"] = "processes"
    """Job slots on this machine, or HTCondor."""
    directory: Path = Path("var/pool")
    """Of the slots on this machine."""
    collector: str = "localhost:9618"
    """HTCondor's, as HOST:PORT; several with commas between them."""
    schedds: list[str] = []
    """Names of those that may be given jobs; all that the collector knows when empty."""
    authentication: Literal["IDTOKENS", "SCITOKENS"] = "IDTOKENS"
    token_directory: Path | None = None
    """Holds the IDTOKENS with which jobs are submitted."""
    scitoken_file: Path | None = None
    config_file: Path | None = None
    """A configuration of HTCondor's own, for what is not set here."""
    timeout_seconds: Annotated[float, Field(gt=0)] = 60.0
    user: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]+$")] = "justin"
    """Who uses an accounting group's share."""
    disk_mib: Annotated[int, Field(ge=1)] = 1000
    """Asked for each job."""
    requirements: str = ""
    """An expression that every slot must fulfil, in the language of ClassAds."""
    cpu_jobs_on_gpu_slots: bool = False
    """Whether jobs without need of a GPU may go to slots that have some."""
    user_classads: list[str] = ["DUNE_*", "FERMIHTC_*", "HAS_*", "USER_*", "WANT_*"]
    """What the names of attributes may look like that users add to the ads of their jobs."""


class Replicas(BaseModel):
    """How jobs reach files."""

    schemes: list[str] = ["root"]
    """Schemes that Rucio is asked for, in order of preference, for reading and writing."""


class Allocator(BaseModel):
    """The service that jobs talk to."""

    url: str = "http://127.0.0.1:8086/api/allocator/"
    """As jobs reach it; ends in /api/allocator/."""
    signature_window_seconds: Annotated[int, Field(ge=10)] = 300
    heartbeat_seconds: Annotated[int, Field(ge=1)] = 600
    upload_targets: Annotated[int, Field(ge=1)] = 3
    threads: Annotated[int, Field(ge=1)] = 16
    """Calls that one process works on at once; its pool of connections should be as large."""


class Api(BaseModel):
    """The service that users talk to."""

    url: str = "http://127.0.0.1:8085"
    local_user: str = ""
    """Who everybody on loopback is until sign-in exists; the name of the account that runs the server when empty."""


class Factory(BaseModel):
    """The job factory."""

    max_submit_per_cycle: Annotated[int, Field(ge=1)] = 500
    max_idle_per_stage: Annotated[int, Field(ge=1)] = 200
    files_per_job: Annotated[float, Field(gt=0)] = 1.0


class Watch(BaseModel):
    """Following jobs."""

    stalled_after_seconds: Annotated[float, Field(gt=0)] = 3660.0
    """Without a heartbeat."""
    unknown_after_seconds: Annotated[float, Field(ge=0)] = 60.0
    """How long a submitted job may be unknown to the pool before it counts as gone."""


class Outputs(BaseModel):
    """Telling the catalogues about outputs."""

    batch: Annotated[int, Field(ge=1, le=1000)] = 500
    first_retry_seconds: Annotated[float, Field(gt=0)] = 15.0
    last_retry_seconds: Annotated[float, Field(gt=0)] = 3600.0
    lease_seconds: Annotated[float, Field(gt=0)] = 60.0


class Problems(BaseModel):
    """When a workflow is paused by the system."""

    jobs: Annotated[int, Field(ge=1)] = 10
    """How many jobs must have gone wrong in the same way, and be the majority."""


class Settings(BaseSettings):
    """All settings; see docs/operator/settings.md, which is made from this."""

    model_config = SettingsConfigDict(
        env_prefix="JUSTIN_", env_nested_delimiter="__", extra="ignore", hide_input_in_errors=True
    )

    instance: Annotated[str, StringConstraints(pattern=r"^[A-Z0-9]{0,16}$")] = ""
    """Prefix of every external name, so that two instances never collide."""
    database: Database = Database()
    rucio: Rucio = Rucio()
    metacat: MetaCat = MetaCat()
    pool: Pool = Pool()
    replicas: Replicas = Replicas()
    allocator: Allocator = Allocator()
    api: Api = Api()
    factory: Factory = Factory()
    watch: Watch = Watch()
    outputs: Outputs = Outputs()
    problems: Problems = Problems()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003  the base class gives it; no .env file is read
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003  nor a directory of secrets
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Let the environment win over the file that `JUSTIN_SETTINGS` names."""
        file = os.environ.get("JUSTIN_SETTINGS")
        sources = (init_settings, env_settings)
        return (*sources, TomlConfigSettingsSource(settings_cls, Path(file))) if file else sources


def read_password(file: Path | None) -> SecretStr:
    """Read a password from its file; empty when there is none."""
    return SecretStr(file.read_text().strip() if file else "")
