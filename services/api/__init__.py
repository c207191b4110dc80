"""The service that users talk to: the Python API, the command line and the dashboard."""
