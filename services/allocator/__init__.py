"""The service that jobs talk to; docs/developer/protocol.md is its contract."""
