"""All tables, for the migrations and for tests that make a database."""

from sqlmodel import SQLModel

from models import factory, files, integrity, jobs, people, places, records, workflows

MODULES = (factory, files, integrity, jobs, people, places, records, workflows)
metadata = SQLModel.metadata
