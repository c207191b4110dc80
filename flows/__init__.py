"""Prefect flows: which tasks, in which order, how wide. The same file names as in tasks/ and engine/."""
