"""Recipe files to checked Recipes; never imports TensorFlow."""

from kerasrecipes.recipe.load import load_recipe
from kerasrecipes.recipe.schema import Component, DatasetSpec, Recipe

__all__ = ["Component", "DatasetSpec", "Recipe", "load_recipe"]
