"""What Alembic runs to bring a database to a schema, or to write the next migration."""

import re
from typing import Any, Final, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext
from sqlalchemy import Connection, Engine, Enum, String
from sqlalchemy.dialects.postgresql import JSONB

from models.tables import metadata

PARTITION: Final = re.compile(r"events_(first|default|\d{4}_\d{2})")


def render(kind: str, thing: object, autogenerating: AutogenContext) -> str | Literal[False]:
    """Write our column types as what PostgreSQL stores, so that a migration does not change with the code."""
    if kind != "type":
        return False
    if isinstance(thing, JSONB):
        autogenerating.imports.add("from sqlalchemy.dialects import postgresql")
        return "postgresql.JSONB()"
    if isinstance(thing, Enum | String) or type(thing).__name__ == "AutoString":
        length: Any = getattr(thing, "length", None)
        return f"sa.String(length={length})" if length else "sa.String()"
    return False


def is_ours(name: str | None, kind: str, _: object) -> bool:
    """Leave the partitions of the events to the agent that makes and drops them."""
    return kind != "table" or name is None or not PARTITION.fullmatch(name)


def run(connection: Connection) -> None:
    """Run the migrations that were asked for, all in one transaction."""
    context.configure(
        connection=connection,
        target_metadata=metadata,
        compare_type=True,
        include_name=is_ours,
        render_item=render,
        on_version_apply=context.config.attributes.get("on_step"),
    )
    with context.begin_transaction():
        context.run_migrations()


engine: Engine = context.config.attributes["engine"]
with engine.begin() as opened:
    run(opened)
