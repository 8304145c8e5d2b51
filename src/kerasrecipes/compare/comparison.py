"""Recipes and runs → trained contenders → one comparison."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from rich.console import Console

from kerasrecipes.compare.contender import Contender
from kerasrecipes.compare.engine import Outcome, train_many
from kerasrecipes.compare.statistics import Comparison, compare_scores
from kerasrecipes.errors import InputError, RunFailed
from kerasrecipes.recipe import Recipe, load_recipe
from kerasrecipes.recipe.keras_names import find_canonical_name, find_definition
from kerasrecipes.recipe.rules import name_in_logs
from kerasrecipes.recipe.suggest import suggest
from kerasrecipes.runs import RUN_JSON, Run, find_run, list_runs_of

TUNING_FACTORS = tuple(10 ** (exponent / 2) for exponent in range(-3, 4))
"""Learning rates tried, as multiples of the recipe's own: from a 30th to 30 times of it."""

_TUNING_SEED_OFFSET = 1_000_000
"""Keeps the seed that chooses a learning rate apart from those that are compared."""

REGRESSION_SCORES = ("r2", "mae", "rmse", "mae_original_units", "rmse_original_units")
"""What a run of a regression scores besides the recipe's metrics."""

_HIGHER_IS_BETTER = re.compile(
    r"acc|auc|precision|recall|r2|f1|fbeta|iou|similarity|sensitivity|specificity|correlation"
    r"|true_?(positives|negatives)",
    re.IGNORECASE,
)


def load_contenders(
    paths: Sequence[Path], metric: str | None = None
) -> tuple[dict[Path, Recipe], list[Contender]]:
    """Tell recipe files from run folders, and check that all are of the same data.

    Returns:
        Recipes to train, by file, and contenders that were trained before.

    Raises:
        InputError: A recipe is wrong, a folder holds no run, the data differ, or a recipe to be
            trained will not have the metric.
    """
    for path in paths:
        if paths.count(path) > 1:
            raise InputError(f"{path} is given twice.")
    recipes = {path: load_recipe(path) for path in paths if not path.is_dir()}
    finished = [_read_contender(path) for path in paths if path.is_dir()]
    known = [*recipes.values(), *(load_recipe(c.runs[0].recipe_path) for c in finished)]
    _check_same_rows(known)
    _check_same_loss(known, metric)
    for recipe in recipes.values():
        logged = [name_in_logs(m.name, m.arguments) for m in recipe.metrics]
        if metric and metric not in (choices := ["loss", *logged, *REGRESSION_SCORES]):
            raise InputError(f"{recipe.name} has no metric '{metric}'. {suggest(metric, choices)}")
    names = [recipe.name for recipe in known]
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"Two contenders are called '{name}'. Give each its own name.")
    if len(names) < 2:
        raise InputError("A comparison needs two contenders at least, recipes or runs.")
    return recipes, finished


def _check_same_rows(recipes: Sequence[Recipe]) -> None:
    """Scores of different rows say nothing of each other, and are not paired."""
    for key in ("name", "test_split", "validation_split", "stratify", "split_seed"):
        values = list(dict.fromkeys(str(getattr(recipe.dataset, key)) for recipe in recipes))
        if len(values) > 1:
            raise InputError(
                f"Only what was trained and scored on the same rows can be compared: the recipes "
                f"differ in dataset.{key} (received: {', '.join(values)})."
            )


def _check_same_loss(recipes: Sequence[Recipe], metric: str | None) -> None:
    """Values of different losses, or of a target in different units, cannot be ranked."""
    if metric != "loss" and not (metric is None and all(not r.metrics for r in recipes)):
        return
    settings = [(r.loss.name, r.dataset.standardize_target) for r in recipes]
    if len(set(settings)) > 1:
        raise InputError(
            "Recipes with different losses, or a differently scaled target, cannot be compared by "
            "loss. Choose another with --metric, or give the recipes a metric in common."
        )


def make_draws(
    recipe_seed: int, split_seed: int, seeds: int, splits: int | None
) -> list[list[str]]:
    """The overrides of every draw: seeds on one split, or a split and a seed each."""
    if splits is None:
        return [[f"seed={recipe_seed + i}"] for i in range(seeds)]
    return [
        [f"seed={recipe_seed + i}", f"dataset.split_seed={split_seed + i}"] for i in range(splits)
    ]


def train_contenders(
    recipes: dict[Path, Recipe],
    overrides: dict[Path, list[str]],
    draws: Sequence[Sequence[str]],
    output_dir: Path,
    console: Console,
    command: Sequence[str],
    workers: int | None,
) -> list[Contender]:
    """Train every recipe once per draw.

    Raises:
        RunFailed: A run failed; those that finished are kept, and reused next time.
    """
    jobs = {
        path: [load_recipe(path, [*overrides.get(path, ()), *draw]) for draw in draws]
        for path in recipes
    }
    outcomes = train_many(
        [recipe for family in jobs.values() for recipe in family],
        output_dir,
        console,
        command,
        workers,
    )
    _tell_reused(outcomes, console)
    failed = [outcome for outcome in outcomes if outcome.run is None]
    if failed:
        raise RunFailed(
            "\n".join(f"{o.recipe.name}, seed {o.recipe.seed}: {o.error}" for o in failed)
        )
    runs = [outcome.run for outcome in outcomes if outcome.run]
    return [
        Contender(recipe.name, tuple(runs[i * len(draws) : (i + 1) * len(draws)]))
        for i, recipe in enumerate(recipes.values())
    ]


def tune_learning_rates(
    recipes: dict[Path, Recipe],
    metric: str | None,
    output_dir: Path,
    console: Console,
    command: Sequence[str],
    workers: int | None,
) -> dict[Path, list[str]]:
    """Give every recipe the same small budget to find its learning rate on validation rows.

    Each trains once with every one of TUNING_FACTORS, with a seed that no comparison uses; test
    rows are not looked at. A run that fails, such as by a loss of NaN, loses.

    Returns:
        By recipe file, the override that sets the rate found.
    """
    if not all(recipe.dataset.validation_split for recipe in recipes.values()):
        raise InputError("--tune chooses on validation rows: set dataset.validation_split.")
    trials: dict[Path, list[str]] = {
        path: [
            f"optimizer.{recipe.optimizer.name}.learning_rate={rate * factor:.6g}"
            for rate in [_read_learning_rate(recipe)]
            for factor in TUNING_FACTORS
        ]
        for path, recipe in recipes.items()
    }
    jobs = [
        load_recipe(path, [override, f"seed={recipes[path].seed + _TUNING_SEED_OFFSET}"])
        for path, tried in trials.items()
        for override in tried
    ]
    outcomes = train_many(jobs, output_dir, console, command, workers)
    trained = [outcome.run for outcome in outcomes if outcome.run]
    if not trained:
        raise RunFailed(f"No learning rate trained. {outcomes[0].error}")
    part, name = choose_metric(trained, metric)
    sign = 1 if is_higher_better(name, next(iter(recipes.values()))) else -1
    found = {}
    for i, (path, tried) in enumerate(trials.items()):
        mine = outcomes[i * len(tried) : (i + 1) * len(tried)]
        scores = [
            sign * outcome.run.metrics[part][name] if outcome.run else float("-inf")
            for outcome in mine
        ]
        found[path] = [tried[scores.index(max(scores))]]
        rate = found[path][0].partition("=")[2]
        console.print(f"{recipes[path].name}: learning_rate {rate} of {len(tried)} tried")
    return found


def choose_metric(runs: Sequence[Run], wanted: str | None) -> tuple[str, str]:
    """The part and the metric to compare by.

    The part is "validation" where every run has one, since test rows must not choose. The metric
    is the first that all runs share and that is not the loss, or else the loss.

    Raises:
        InputError: A wanted metric is not there.
    """
    all_scores = [run.metrics for run in runs]
    part = "validation" if all("validation" in scores for scores in all_scores) else "test"
    shared = [
        name for name in all_scores[0][part] if all(name in scores[part] for scores in all_scores)
    ]
    if wanted is not None and wanted not in shared:
        raise InputError(f"The runs share no metric '{wanted}'. {suggest(wanted, shared)}")
    return part, wanted or next((name for name in shared if name != "loss"), "loss")


def is_higher_better(metric: str, recipe: Recipe) -> bool:
    """The direction of a metric: by its class in the recipe, or by the name under which we log it.

    A metric may be logged under any name, such as {AUC: {name: prc}}.
    """
    of_recipe = {name_in_logs(m.name, m.arguments): m.name for m in recipe.metrics}
    return bool(_HIGHER_IS_BETTER.search(of_recipe.get(metric, metric)))


def compare_contenders(
    contenders: Sequence[Contender],
    wanted: str | None,
    varies_split: bool,
    was_tuned: bool = False,
) -> tuple[Sequence[Contender], Comparison, str]:
    """Score contenders by their common draws.

    Args:
        contenders: Each with its finished runs.
        wanted: The metric, or None for the first that all share.
        varies_split: Whether every draw has a split of its own.
        was_tuned: Whether validation rows chose a setting: they cannot judge it then, so that
            the test part does.

    Returns:
        The contenders with the runs that were compared, the comparison, and the part.

    Raises:
        InputError: They share no seed, or not the wanted metric.
    """
    draws = [{_read_draw(run): run for run in contender.runs} for contender in contenders]
    common = sorted(set.intersection(*(set(of_one) for of_one in draws)))
    if not common:
        raise InputError("The runs share no seed and split: train the recipes again with --seeds.")
    paired = [
        Contender(contender.name, tuple(of_one[draw] for draw in common))
        for contender, of_one in zip(contenders, draws, strict=True)
    ]
    part, metric = choose_metric([run for contender in paired for run in contender.runs], wanted)
    part = "test" if was_tuned else part
    data = [run.info["dataset"] for contender in paired for run in contender.runs]
    if len({facts["fingerprint"] for facts in data}) > 1:
        raise InputError(f"The rows of {data[0]['name']} changed between these runs: train again.")
    rows = data[0]["rows"]
    comparison = compare_scores(
        {c.name: [run.metrics[part][metric] for run in c.runs] for c in paired},
        metric,
        higher_is_better=is_higher_better(metric, load_recipe(paired[0].runs[0].recipe_path)),
        test_share=rows[part] / rows["train"] if varies_split else None,
    )
    return paired, comparison, part


def _read_contender(path: Path) -> Contender:
    """A run, or every finished run of ``runs/<name>`` whose recipe is that of the newest."""
    newest = find_run(path)
    if newest.info["status"] != "finished":
        raise InputError(f"{newest.path} is not finished (status: {newest.info['status']}).")
    runs = [newest] if (path / RUN_JSON).is_file() else list_runs_of(path)
    same = [run for run in runs if _without_seed(run) == _without_seed(newest)]
    finished = [run for run in same if run.info["status"] == "finished"]
    return Contender(newest.info["name"], tuple(finished))


def _without_seed(run: Run) -> str:
    return re.sub(r"^seed:.*\n", "", run.recipe_text, flags=re.MULTILINE)


def _read_draw(run: Run) -> tuple[int, int]:
    recipe = load_recipe(run.recipe_path)
    return recipe.seed, recipe.dataset.split_seed


def _read_learning_rate(recipe: Recipe) -> float:
    """The recipe's learning rate, or the optimizer's own.

    Raises:
        RecipeError: It is a schedule, which has no single number to tune.
    """
    name = find_canonical_name("optimizers", recipe.optimizer.name) or recipe.optimizer.name
    default = find_definition("optimizers", name).arguments.get("learning_rate")
    rate = recipe.optimizer.arguments.get("learning_rate", default)
    if not isinstance(rate, int | float):
        place = ("optimizer", recipe.optimizer.name, "learning_rate")
        message = "--tune wants a learning rate that is a number, not a schedule."
        raise InputError(str(recipe.problem(place, message)))
    return float(rate)


def _tell_reused(outcomes: Iterable[Outcome], console: Console) -> None:
    reused = [outcome.run for outcome in outcomes if outcome.was_reused and outcome.run]
    if reused:
        runs = "1 run was" if len(reused) == 1 else f"{len(reused)} runs were"
        console.print(f"{runs} there already, from the same recipe, data and seed.", style="dim")
