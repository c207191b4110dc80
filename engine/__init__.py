"""What the system does: plain functions, one file per use case."""
