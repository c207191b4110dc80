"""The parts of the MetaCat distribution that a server needs, imported in the one way that works.

The distribution imports `wsdbtools`, which is on no package index, for a connection pool that we do not use.
"""

import sys
import warnings
from importlib import import_module
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any


def _stand_in() -> ModuleType:
    module = ModuleType("wsdbtools")
    module.__spec__ = ModuleSpec("wsdbtools", None)
    vars(module)["ConnectionPool"] = None
    return module


sys.modules.setdefault("wsdbtools", _stand_in())

# The distribution carries no types, and leaves the files open from which it reads its schema.
with warnings.catch_warnings():
    warnings.simplefilter("ignore", ResourceWarning)
    _db: Any = import_module("metacat.db")
_mql: Any = import_module("metacat.mql")
_common: Any = import_module("metacat.common")

DBDataset = _db.DBDataset
DBFile = _db.DBFile
DBNamedQuery = _db.DBNamedQuery
DBNamespace = _db.DBNamespace
DBParamCategory = _db.DBParamCategory
DBRole = _db.DBRole
DBUser = _db.DBUser
MQLError = _mql.MQLError
MQLQuery = _mql.MQLQuery
MetaValidationError = _db.MetaValidationError
SignedToken = _common.SignedToken
VERSION: str = import_module("metacat.version").Version
PACKAGED_SCHEMA: str = _db.create_schema_sql
