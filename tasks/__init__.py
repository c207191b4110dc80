"""Prefect tasks: ids in, one engine call, a small report out."""
