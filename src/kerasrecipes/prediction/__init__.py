"""A finished run's model predicts raw rows, and is scored on them."""
