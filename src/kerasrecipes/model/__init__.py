"""Dataset and Recipe to encoder, Sequential model, and the model that is saved."""

from kerasrecipes.backend import import_keras

import_keras()
