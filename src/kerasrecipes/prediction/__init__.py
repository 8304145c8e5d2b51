"""A finished run's model at work: raw rows to answers, and to scores."""
