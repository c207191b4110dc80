"""A MetaCat server: our own HTTP layer over the query engine and database objects of the MetaCat distribution."""
