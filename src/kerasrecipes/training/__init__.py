"""Device, training loop, scores: everything between a built model and its run folder."""
