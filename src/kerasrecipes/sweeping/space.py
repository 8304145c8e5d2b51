"""The points that a sweep can try, the recipe of each, and how they are searched."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Any

from kerasrecipes.errors import KeyPath, Problem, RecipeError
from kerasrecipes.recipe import Recipe
from kerasrecipes.recipe.load import Draft
from kerasrecipes.recipe.schema import Range, SweepSpec, read_range
from kerasrecipes.recipe.yaml_file import dump_yaml

Point = dict[str, Any]
"""By range, a number or the text of a value; ranges that do not apply are missing."""


class Space:
    """Ranges around a recipe.

    A range applies where its path leads into the recipe: ``optimizer.SGD.learning_rate`` only
    where another range has set the optimizer to SGD.
    """

    def __init__(self, base: Recipe, spec: SweepSpec) -> None:
        self.base = base
        ranges = [read_range(key, value) for key, value in spec.ranges.items()]
        self.ranges = sorted(ranges, key=lambda each: len(each.path))  # outer values come first

    def choose(self, choose: Callable[[Range], Any]) -> Point:
        """Choose a point, by a function that chooses for each range that applies."""
        point: Point = {}
        for each in self.ranges:
            if self._applies(each, point):
                point[each.key] = choose(each)
        return point

    def make(self, point: Mapping[str, Any], name: str) -> Recipe:
        """Make the recipe of a point.

        Raises:
            RecipeError: The values do not go together.
        """
        return self._draft(point).finish(name)

    def list_points(self, point: Point | None = None, n_set: int = 0) -> Iterator[Point]:
        """List every point; none if the values of a range cannot be counted."""
        point = point or {}
        if n_set == len(self.ranges):
            yield point
        elif self._applies(each := self.ranges[n_set], point):
            for choice in each.list_all():
                yield from self.list_points({**point, each.key: choice}, n_set + 1)
        else:
            yield from self.list_points(point, n_set + 1)

    @cached_property
    def endpoints(self) -> list[Recipe]:
        """The recipes of the ends of each range; all else is as in the base.

        Raises:
            RecipeError: With every problem of every one, at its range.
        """
        recipes: dict[str, Recipe] = {}
        problems: list[Problem] = []
        for each in self.ranges:
            misfits: list[Problem] = []
            n_fitting = 0
            for point in self._list_ends(each):
                try:
                    draft = self._draft(point)
                except RecipeError as error:
                    misfits += error.problems
                    continue
                n_fitting += 1
                try:
                    recipe = draft.finish(self.base.name)
                    recipes[recipe.to_yaml()] = recipe
                except RecipeError as error:
                    problems += error.problems
            problems += [] if n_fitting else misfits[:1]
        if problems:
            raise RecipeError([*dict.fromkeys(problems)])
        return [*recipes.values()]

    def _list_ends(self, inner: Range) -> Iterator[Point]:
        """List the ends of a range, with the ends of those that set a value around it."""
        around = [
            each for each in self.ranges if inner.path[: len(each.path)] == each.path != inner.path
        ]
        ranges = [*around, inner]
        for ends in product(*(each.ends for each in ranges)):
            yield {each.key: end for each, end in zip(ranges, ends, strict=True)}

    def _applies(self, inner: Range, point: Mapping[str, Any]) -> bool:
        """Whether a range applies at a point of the ranges before it."""
        try:
            self._draft({**point, inner.key: inner.ends[0]})
        except RecipeError:
            return False
        return True

    def _draft(self, point: Mapping[str, Any]) -> Draft:
        draft = Draft(self.base)
        for each in self.ranges:
            if each.key in point:
                place: KeyPath = ("sweep", "ranges", each.key)
                if each.values:
                    place = (*place, [*each.values].index(point[each.key]))
                draft.set(each.path, each.get_value(point[each.key]), place)
        return draft


@dataclass(frozen=True)
class Plan:
    """A recipe and its ranges, checked.

    Attributes:
        space: The ranges around the recipe.
        spec: How they are searched.
        metric: The metric of validation rows.
        higher_is_better: The metric's direction.
        facts: Facts of the data.
    """

    space: Space
    spec: SweepSpec
    metric: str
    higher_is_better: bool
    facts: Mapping[str, Any]

    @property
    def text(self) -> str:
        """The resolved recipe with its ranges, as YAML."""
        base = self.space.base
        return dump_yaml({**base.to_dict(), "sweep": base.written["sweep"]})
