"""A real Chromium, and pages as fake runs give them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service

from comparison.fake_contenders import OPTIMIZERS, compare, write_contender
from kerasrecipes.comparison.page import render_comparison
from kerasrecipes.report import choose_plots, make_report
from kerasrecipes.rows.kinds import make_column
from kerasrecipes.runs import Run, RunWriter
from report.fake_runs import (
    COLUMNS,
    draw_shapes,
    write_classification,
    write_evaluation,
    write_regression,
    write_table,
)

SCRIPT = "<script>alert(1)</script>"
_LONG = "a_name_without_end_" * 6
_FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not (chromium and driver):
        missing = "Needs Debian's packages chromium and chromium-driver."
        if os.environ.get("CI") == "true":
            pytest.fail(missing)
        pytest.skip(missing)
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    for flag in (*_FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('chromium')}"):
        options.add_argument(flag)
    with webdriver.Chrome(options=options, service=Service(driver)) as chrome:
        yield chrome


@pytest.fixture(scope="session")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Pages by name, each with words that try to break it."""
    folder = tmp_path_factory.mktemp("pages")
    names = [SCRIPT, "패션 MNIST 모델", _LONG, *(f"plain_{i}" for i in range(5))]
    contenders = [
        write_contender(folder / str(i), name, [*OPTIMIZERS][i % 6], lengths=(4, 9, 12))
        for i, name in enumerate(names)
    ]
    for i, contender in enumerate(contenders):
        for run in map(RunWriter, (run.path for run in contender.runs)):
            run.write_report("")
            run.update(parameters=79_510 + i)
            recipe = run.recipe_text.replace("epochs: 5", f"epochs: {i + 5}")
            run.write_recipe(recipe.replace("metrics: [", f"metrics: [{'AUC, ' * (i % 2)}"))
    comparison = folder / "comparison.html"
    found = replace(compare(contenders), page=comparison, command=f"compare {_LONG}")
    html, _ = render_comparison(found)
    comparison.write_text(html, encoding="utf-8")
    classification = write_classification(
        folder / "classification",
        (SCRIPT, *(f"class {i}" for i in range(8)), "패션"),
        n_samples=400,
        images=draw_shapes(),
        name=SCRIPT,
        description=SCRIPT,
    )
    classification.write_recipe(f"name: {SCRIPT}\ndescription: {_LONG}\n")
    regression = write_regression(
        folder / "regression", name=f"패션 {SCRIPT}", status="interrupted", warnings=[_LONG]
    )
    nasty = (
        make_column(SCRIPT, reason=SCRIPT),
        make_column(_LONG, reason=_LONG),
        make_column('패션 \n"x"'),
    )
    many = tuple(make_column(f"x{i}", reason="number") for i in range(40))
    table = write_table(
        folder / "table",
        ("price", SCRIPT, _LONG),
        columns=(*nasty, *COLUMNS, *many),
        left_out=((f"{SCRIPT}2", SCRIPT), (f"{_LONG}2", _LONG)),
    )
    evaluation = write_evaluation(
        write_classification(folder / "classes", (SCRIPT, _LONG, *"abcdefghijklmnopqrstuvwxyz")),
        f"{SCRIPT}{_LONG}.csv",
    )
    make_report(evaluation, ["confusion_matrix", "reliability"])
    return {
        "evaluation": evaluation.report_path,
        "table": _report(table),
        "comparison": comparison,
        "classification": _report(classification),
        "regression": _report(regression),
    }


def _report(run: Run) -> Path:
    make_report(
        run,
        choose_plots({"task": run.info["dataset"]["task"], "is_image": run.samples is not None}),
    )
    return run.report_path
