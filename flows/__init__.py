"""Prefect flows: which tasks, in which order, how wide. The same file names as in tasks/ and engine/."""

import logging

# What the rules say while a flow runs belongs to its log; Prefect takes it from there (PREFECT_LOGGING_EXTRA_LOGGERS),
# but leaves the level as it finds it.
for _name in ("engine", "models"):
    logging.getLogger(_name).setLevel(logging.INFO)
