"""Predicts and scores raw rows with a finished run's model."""
