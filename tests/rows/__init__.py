"""The rows that train, validate and test."""
