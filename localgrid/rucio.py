"""The Rucio server and its daemons as components of a grid, and their configuration."""

from dataclasses import dataclass
from pathlib import Path

from localgrid import rucio_environment
from localgrid.ports import LOOPBACK
from localgrid.postgres import Server
from localgrid.processes import Component
from localgrid.readiness import answers
from localgrid.secret_files import keep_secret, secret_in

DATABASE = "rucio"
ROOT_IDENTITY = "root"
PROGRAMS = Path(__file__).resolve().parent / "rucio_server"
SERVER_THREADS = 8
READY_SECONDS = 180.0
PASS_PAUSE_SECONDS = 5.0

Sections = dict[str, dict[str, str]]


@dataclass(frozen=True, slots=True)
class RucioServer:
    """Where a Rucio server keeps its things, and how it is reached."""

    home: Path
    port: int
    database: Server
    database_name: str
    root_password_file: Path

    @property
    def url(self) -> str:
        """The address of the REST interface."""
        return f"http://{LOOPBACK}:{self.port}"

    @property
    def client_home(self) -> Path:
        """What RUCIO_HOME has to be for a client program of the production account."""
        return self.home / "client"

    @property
    def root_home(self) -> Path:
        """What RUCIO_HOME has to be for a client program of the root account."""
        return self.home / "root"

    @property
    def pulse(self) -> Path:
        """The file in which the daemons say how many passes they made."""
        return self.home / "daemons.pulse"

    def prepare(self) -> None:
        """Make the environment, the database and the configuration."""
        rucio_environment.build()
        self.database.ensure_database(self.database_name)
        self.write_configuration()

    def write_configuration(self) -> None:
        """Write the configuration of the server, and one for clients that holds no secret."""
        (self.home / "trace").mkdir(parents=True, exist_ok=True)
        # Each home has one account: a client takes the token that lies there, whoever's it is.
        for home in (self.client_home, self.root_home):
            keep_secret(home / "etc" / "rucio.cfg", _as_text(self._client_sections(home)))
        sections = {**self._client_sections(self.home), **self._server_sections()}
        keep_secret(self.home / "etc" / "rucio.cfg", _as_text(sections))
        keep_secret(self.home / "etc" / "alembic.ini", _as_text(self._alembic_sections()))

    def components(self) -> tuple[Component, Component]:
        """Return the server and the daemons."""
        python, environment = str(rucio_environment.python()), {"RUCIO_HOME": str(self.home)}
        server = Component(
            name="rucio",
            command=(python, str(PROGRAMS / "serve.py"), str(self.port), str(SERVER_THREADS)),
            environment=environment,
            needs=("postgres",),
            address=self.url,
            ready=answers(f"{self.url}/ping"),
            ready_seconds=READY_SECONDS,
            prepare=self.prepare,
        )
        daemons = Component(
            name="rucio-daemons",
            command=(python, str(PROGRAMS / "daemons.py"), str(self.pulse), str(PASS_PAUSE_SECONDS)),
            environment=environment,
            needs=("postgres",),
            ready=self.pulse.exists,
            ready_seconds=READY_SECONDS,
            prepare=self._prepare_daemons,
        )
        return server, daemons

    def _prepare_daemons(self) -> None:
        self.prepare()
        self.pulse.unlink(missing_ok=True)

    def _client_sections(self, home: Path) -> Sections:
        return {
            "client": {
                "rucio_host": self.url,
                "auth_host": self.url,
                "auth_type": "userpass",
                "request_retries": "3",
                "auth_token_file_path": str(home / "token"),
            },
            "policy": {
                "permission": "generic",
                "schema": "generic",
                "lfn2pfn_algorithm_default": "hash",
                "support": "root@localhost",
                "support_rucio": "root@localhost",
            },
        }

    def _server_sections(self) -> Sections:
        trace = {"tracedir": str(self.home / "trace")}
        return {
            "common": {"logdir": str(self.home), "loglevel": "WARNING"},
            "database": {
                "default": self.database.url(self.database_name, "psycopg"),
                "pool_recycle": "3600",
                "pool_reset_on_return": "rollback",
            },
            "alembic": {"cfg": str(self.home / "etc" / "alembic.ini")},
            "bootstrap": {
                "userpass_identity": ROOT_IDENTITY,
                "userpass_pwd": secret_in(self.root_password_file),
                "userpass_email": "root@localhost",
                # Empty lines switch the identities off that Rucio would create with well-known keys.
                "x509_identity": "",
                "gss_identity": "",
                "ssh_identity": "",
            },
            "trace": trace,
            "nongrid-trace": trace,
            "monitor": {"enable_metrics": "False"},
            "conveyor": {"scheme": "file"},
            # Without these, each replica that a listing sorts costs five SELECTs and a failed download.
            "core": {
                "geoip_ignore_error": "True",
                "geoip_expire_delay": "0",
                "geoip_licence_key": "",
                "geoip_download_url": "",
                "geoip_download_verify_tls": "True",
            },
        }

    def _alembic_sections(self) -> Sections:
        return {
            "alembic": {
                "script_location": "rucio:db/sqla/migrate_repo",
                "sqlalchemy.url": self.database.url(self.database_name, "psycopg"),
            },
            "loggers": {"keys": "root"},
            "handlers": {"keys": ""},
            "formatters": {"keys": ""},
            "logger_root": {"level": "WARN", "handlers": ""},
        }


def _as_text(sections: Sections) -> str:
    lines = []
    for name, options in sections.items():
        # Rucio and Alembic take a single percent sign for a reference to another option.
        lines += [f"[{name}]", *(f"{key} = {value.replace('%', '%%')}" for key, value in options.items()), ""]
    return "\n".join(lines)
