"""The dashboard: it reads through models.queries, and changes nothing."""
