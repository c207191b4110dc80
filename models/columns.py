"""The few kinds of column that the tables are made of."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, DateTime, Enum, Identity, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

NOW = text("clock_timestamp()")


def words(of: type[StrEnum]) -> Enum:
    """Store a StrEnum as its word, in a plain text column: a new word then needs no migration."""
    return Enum(of, native_enum=False, length=32, create_constraint=False, values_callable=_values)


def _values(of: type[StrEnum]) -> list[str]:
    return [word.value for word in of]


def big_key() -> Any:
    """Make a 64-bit key that PostgreSQL counts up."""
    return Field(default=None, primary_key=True, sa_type=BigInteger, sa_column_args=[Identity(always=False)])


def moment(**options: Any) -> Any:
    """Make a column of a UTC time."""
    return Field(sa_type=DateTime(timezone=True), **options)


def now() -> Any:
    """Make a column that PostgreSQL fills with the time of the insert."""
    return moment(default=None, nullable=False, sa_column_kwargs={"server_default": NOW})


def document(default: Mapping[str, Any] | None = None) -> Any:
    """Make a JSON column."""
    return Field(default=default, sa_type=JSONB(none_as_null=True), nullable=default is None)
