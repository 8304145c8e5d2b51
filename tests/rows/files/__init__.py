"""Files of tables, one test file a format."""
