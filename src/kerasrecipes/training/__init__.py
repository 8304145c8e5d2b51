"""Device, batches, fit, scores: everything between a built model and its run folder."""
