"""The database: tables, the one writer of states, matching, and the reads of the pages and commands."""
