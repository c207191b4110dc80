"""A Prefect worker that runs flows in its own warm process; `python -m flows.worker` starts it."""
