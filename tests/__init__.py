"""Marks this folder as the package `tests`, before any that an installed distribution left lying about."""
