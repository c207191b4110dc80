"""All tables, for the migrations and for tests that make a database."""

from sqlmodel import SQLModel

from models import (
    archives,
    factory,
    files,
    integrity,
    jobs,
    people,
    places,
    publications,
    records,
    repositories,
    workflows,
)

MODULES = (archives, factory, files, integrity, jobs, people, places, publications, records, repositories, workflows)
metadata = SQLModel.metadata
