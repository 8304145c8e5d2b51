"""Dataset and Recipe to encoder, Sequential model, and the model that is saved."""
