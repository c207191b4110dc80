"""A whole grid on one machine: real PostgreSQL, Rucio and MetaCat servers, and a pool that runs wrapper jobs."""
