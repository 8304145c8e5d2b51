"""Recipe files to checked Recipes; never imports TensorFlow."""

from kerasrecipes.recipe.components import Component
from kerasrecipes.recipe.load import load_recipe
from kerasrecipes.recipe.recipe import Recipe
from kerasrecipes.recipe.schema import DatasetSpec

__all__ = ["Component", "DatasetSpec", "Recipe", "load_recipe"]
