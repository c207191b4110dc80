"""The outside services behind the ports, each spoken to in one place."""
