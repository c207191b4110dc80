"""The settings of the server, from the environment (`JUSTIN_SECTION__NAME`) and an optional TOML file."""

import os
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, Field, SecretStr, StringConstraints
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from engine.code_settings import Git, Rcds
from engine.event_settings import Events, Publisher
from engine.integrity_settings import Reconciler


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
    slow_after_seconds: Annotated[float, Field(gt=0)] = 10.0
    """When a ping takes longer, Rucio is spared what can wait."""


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
    """Holds the SCITOKEN with which jobs are submitted; somebody else keeps it fresh."""
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
    administrators: list[str] = []
    """Names of the users who may do everything."""


class Factory(BaseModel):
    """The job factory."""

    max_submit_per_cycle: Annotated[int, Field(ge=1, le=2000)] = 500
    """Jobs, for all stages together."""
    max_idle: Annotated[int, Field(ge=1)] = 10_000
    """Queued jobs in the whole pool, beyond which no more are added."""
    max_idle_per_stage: Annotated[int, Field(ge=1)] = 200
    """Queued jobs that were submitted with one stage in mind."""
    max_idle_per_site: Annotated[int, Field(ge=1)] = 5_000
    """Queued jobs that may run at one site; a job counts at each of its sites."""
    max_idle_per_entry: Annotated[int, Field(ge=1)] = 5_000
    """Queued jobs that may come through one entry; a job counts at each of its entries."""
    first_wave: Annotated[int, Field(ge=1)] = 10
    """Jobs that a stage has at a time until one has ended well since its workflow last (re)started."""
    not_starting_seconds: Annotated[float, Field(gt=0)] = 1800.0
    """When jobs are queued for so long and none of them has started meanwhile, no more are added."""
    files_per_job: Annotated[float, Field(gt=0)] = 1.0
    """What a job is taken to process before jobs of the stage have shown it."""
    recent_jobs: Annotated[int, Field(ge=1)] = 50
    """The last jobs of a stage that show how many files a job processes and how many jobs end well."""
    prior_jobs: Annotated[int, Field(ge=1)] = 5
    """As how many good jobs it counts what is taken for granted before any has ended."""
    lowest_success: Annotated[float, Field(gt=0, le=1)] = 0.2
    """The share of jobs that end well is never taken to be lower, however many fail."""


class Watch(BaseModel):
    """Following jobs."""

    stalled_after_seconds: Annotated[float, Field(gt=0)] = 3660.0
    """Without a heartbeat."""
    unknown_after_seconds: Annotated[float, Field(ge=0)] = 60.0
    """How long a submitted job may be unknown to the pool before it counts as gone."""
    unstarted_after_seconds: Annotated[float, Field(gt=0)] = 86_400.0
    """How long a job may wait in the pool for a slot before it is taken out."""
    full_look_seconds: Annotated[float, Field(ge=0)] = 600.0
    """How often all jobs of a schedd are looked at; in between, those that it says have changed."""


class JobLogs(BaseModel):
    """Fetching the logs of ended jobs from the pool."""

    at_once: Annotated[int, Field(ge=1, le=500)] = 50
    """How many jobs' logs are fetched in one conversation."""
    most_tries: Annotated[int, Field(ge=1)] = 10
    """How often they are tried when that fails."""
    retry_seconds: Annotated[float, Field(gt=0)] = 60.0
    """Between the first try and the second; the pause doubles with each."""
    give_up_after_seconds: Annotated[float, Field(gt=0)] = 7 * 86_400.0
    """How long a part of the pool that does not answer is asked for the logs of a job that has ended."""


class Outputs(BaseModel):
    """Telling the catalogues about outputs."""

    batch: Annotated[int, Field(ge=1, le=1000)] = 500
    first_retry_seconds: Annotated[float, Field(gt=0)] = 15.0
    last_retry_seconds: Annotated[float, Field(gt=0)] = 3600.0
    lease_seconds: Annotated[float, Field(gt=0)] = 60.0


class Scratch(BaseModel):
    """Outputs that go to https:// addresses, with their owners' tokens."""

    key_file: Path | None = None
    """Holds the keys that seal the tokens in the database, one a line, the newest first; none are taken without it."""
    least_seconds: Annotated[float, Field(ge=0)] = 600.0
    """How long a token must still be good for when outputs are to be uploaded with it."""


class Logs(BaseModel):
    """The logs.tgz that each job stores."""

    stored: bool = True
    """Whether jobs are offered a place for it; the scope justin-logs must exist in Rucio and in MetaCat then."""
    lifetime_seconds: Annotated[int, Field(gt=0)] = 4_000_000
    """How long the rules live that keep the datasets of logs, each made for 1,000,000 seconds."""
    periods_ahead: Annotated[int, Field(ge=0, le=10)] = 2
    """For how many such times after the present one datasets are made ahead."""


class Archive(BaseModel):
    """Where workflows go that ended long ago."""

    directory: Path | None = None
    """That agents and the API see; nothing is archived without it."""
    after_days: Annotated[float, Field(ge=0)] = 90.0
    """How long after its end a workflow is archived."""
    batch: Annotated[int, Field(ge=1, le=100_000)] = 5000
    """How many rows leave the hot tables in one transaction."""
    most_workflows: Annotated[int, Field(ge=1)] = 500
    """How many are archived in one cycle."""


class Problems(BaseModel):
    """When a workflow is paused by the system."""

    jobs: Annotated[int, Field(ge=1)] = 10
    """How many jobs must have gone wrong in the same way since the workflow last (re)started."""
    share: Annotated[float, Field(ge=0, lt=1)] = 0.5
    """More than this share of the jobs whose jobscripts ended must have gone wrong in that way."""


class Nodes(BaseModel):
    """When a node that fails job after job is avoided."""

    failed_jobs: Annotated[int, Field(ge=1)] = 5
    """How many jobs must have failed there at once, and be the majority of its jobs."""
    fast_seconds: Annotated[float, Field(gt=0)] = 120.0
    """How soon after its start a job must have failed."""
    window_seconds: Annotated[float, Field(gt=0)] = 3600.0
    """How far back jobs count."""
    avoid_seconds: Annotated[float, Field(gt=0)] = 3600.0
    """How long such a node gets no work."""


class Containers(BaseModel):
    """Where jobscripts run: in a container, or on the node itself."""

    default_image: str = ""
    """Of stages that name none and may not do without; such a stage is refused when this is empty."""
    privileged_quotas: list[str] = []
    """Names of the quotas whose stages may run on the node itself; `*` stands for anything."""


class Probes(BaseModel):
    """The jobs that try what each site can read and write at each storage."""

    enabled: bool = True
    """Whether such jobs are submitted."""
    every_seconds: Annotated[float, Field(gt=0)] = 6 * 3600.0
    """How long after the last one of a site, or of an entry with GPUs, the next is submitted."""
    withhold: bool = True
    """Whether a storage where a site's probes fail is no longer offered to jobs there, until a probe does well."""
    failures: Annotated[int, Field(ge=1)] = 2
    """How many of a site's probes must have failed there, one after the other."""
    valid_seconds: Annotated[float, Field(gt=0)] = 48 * 3600.0
    """How long what a probe found counts."""
    keep_seconds: Annotated[float, Field(gt=0)] = 30 * 86_400.0
    """How long it is kept."""
    accounting_group: str = "group_dune.prod"
    """That the pool counts these jobs in."""
    scope: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,24}$")] = "justin-probes"
    """The Rucio scope of the small files that are read and written."""


class ExtraEntry(BaseModel):
    """An entry that no pilot factory is configured for, such as that of a computing centre."""

    name: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.+-]{1,128}$")]
    site: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.-]{1,64}$")]
    country: str = ""
    processors: Annotated[int, Field(ge=1)] = 1
    rss_bytes: Annotated[int, Field(ge=0)] = 0
    wall_seconds: Annotated[int, Field(ge=0)] = 0
    gpus: Annotated[int, Field(ge=0)] = 0
    gpus_always: bool = False


class DistanceRule(BaseModel):
    """How far a storage is from a site, when the rule is the first that holds for the two."""

    same: Literal["", "site", "prefix", "country", "region"] = ""
    """What the two have in common; a prefix is what a name has before its first `-`."""
    site: str = "*"
    """The site's name; `*` stands for anything, as in the next two."""
    storage: str = "*"
    """The storage's name."""
    storage_site: str = "*"
    """The name of the storage's own site."""
    distance: Annotated[int, Field(ge=0, le=101)]
    """0 is beside it, 100 the far end, 101 never."""


DISTANCE_RULES = [
    DistanceRule(same="site", distance=0),
    DistanceRule(same="prefix", distance=10),
    DistanceRule(same="country", distance=20),
    DistanceRule(same="region", distance=30),
    DistanceRule(storage_site="CH_CERN", distance=90),
    DistanceRule(storage_site="US_FNAL-FermiGrid", distance=90),
    DistanceRule(distance=100),
]

EUROPE = "BE CH CZ DE DK ES FI FR IE IT NL NO PL PT SE UK"
REGIONS = {
    **dict.fromkeys(EUROPE.split(), "Europe"),
    **dict.fromkeys(["CA", "MX", "US"], "North America"),
    **dict.fromkeys(["BR", "CL", "CO", "PE", "PY"], "South America"),
    **dict.fromkeys(["CN", "IN", "JP", "KR", "TW"], "Asia"),
}


class Sites(BaseModel):
    """Where jobs may run: the configuration of the pilot factories, and how far storages are."""

    directory: Path | None = None
    """The configuration of the pilot factories; nothing is read when it is not set."""
    repository: str = ""
    """What the directory is a checkout of, kept up to date; without one, the directory is read as it is."""
    branch: str = "master"
    """Of the repository."""
    files: list[str] = ["*.xml", "OSG_autoconf/*.yml"]
    """Patterns of the files to be read in the directory."""
    timeout_seconds: Annotated[float, Field(gt=0)] = 120.0
    """For a command of git."""
    vos: list[str] = ["DUNE"]
    """Of the entries for any job, as GLIDEIN_Supported_VOs names them."""
    gpu_vos: list[str] = ["DUNEGPU"]
    """Of the entries for jobs that need GPUs."""
    site_attribute: str = "GLIDEIN_DUNESite"
    """The attribute of an entry by which slots there name their site."""
    extra_entries: list[ExtraEntry] = []
    """Entries that no pilot factory is configured for, each with name and site, and what is known of its slots."""
    forget_after_seconds: Annotated[float, Field(gt=0)] = 7 * 86_400.0
    """How long an entry that is not configured any more is kept."""
    regions: dict[str, str] = REGIONS
    """The region of each country."""
    distances: list[DistanceRule] = DISTANCE_RULES
    """The first rule that holds says how far a storage is from a site."""


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
    job_logs: JobLogs = JobLogs()
    outputs: Outputs = Outputs()
    scratch: Scratch = Scratch()
    reconciler: Reconciler = Reconciler()
    logs: Logs = Logs()
    archive: Archive = Archive()
    problems: Problems = Problems()
    sites: Sites = Sites()
    nodes: Nodes = Nodes()
    containers: Containers = Containers()
    probes: Probes = Probes()
    git: Git = Git()
    events: Events = Events()
    publisher: Publisher = Publisher()
    rcds: Rcds = Rcds()

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
