"""The Rucio server: create what the database lacks, then serve the REST interface, in one process that imports once.

Usage: python serve.py PORT THREADS, with RUCIO_HOME set.
"""

import sys
from importlib import import_module
from typing import Any

ROOT_ACCOUNT = "root"


def create_what_is_missing() -> None:
    """Create the schema, the virtual organisation and the root account; one that was killed here is completed."""
    util: Any = import_module("rucio.db.sqla.util")
    session: Any = import_module("rucio.db.sqla.session")
    inspect: Any = import_module("sqlalchemy").inspect
    engine = session.get_engine()
    # The version is stamped last, so without it the tables may be incomplete.
    if not inspect(engine).has_table("alembic_version"):
        util.purge_db()
        util.build_database()
    _create_accounts(util, session)
    # The workers must not share our connections.
    engine.dispose()


def _create_accounts(util: Any, session: Any) -> None:
    models: Any = import_module("rucio.db.sqla.models")
    with session.get_session()() as scoped:
        has_organisation = scoped.query(models.VO).count() > 0
        # The identity is written last; the account alone cannot be used.
        has_root = scoped.query(models.IdentityAccountAssociation).count() > 0
    if not has_organisation:
        util.create_base_vo()
    if not has_root:
        util.create_root_account()


def serve(port: str, threads: str) -> None:
    """Serve with one worker; it is forked from here, where everything is imported."""
    gunicorn: Any = import_module("gunicorn.app.wsgiapp")
    sys.argv = [
        "gunicorn",
        "--preload",
        "--no-control-socket",
        "--worker-class=gthread",
        "--workers=1",
        f"--threads={threads}",
        "--timeout=300",
        "--graceful-timeout=5",
        f"--bind=127.0.0.1:{port}",
        "rucio.web.rest.flaskapi.v1.main:application",
    ]
    gunicorn.run()


if __name__ == "__main__":
    create_what_is_missing()
    serve(*sys.argv[1:3])
