"""Plots, looked at through the artists on their Axes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.text import Text
from sklearn import metrics

from kerasrecipes.report import INPUT, choose_plots, figures, plots
from kerasrecipes.report.results import read_results
from kerasrecipes.report.style import WRONG, choose_fonts, new_figure, use_style
from kerasrecipes.report.words import shorten_each, write_number

from .fake_runs import draw_shapes, write_classification, write_regression

PHONE_PX = 352
"""Room for a plot on a screen of 400 pixels."""

pytestmark = pytest.mark.filterwarnings("error")


@pytest.fixture
def ax() -> Iterator[Axes]:
    with use_style():
        yield new_figure(4, 4).subplots()


def texts(ax: Axes) -> str:
    return "\n".join(text.get_text() for text in ax.texts)


def numbers(n_samples: int = 80) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    y_true = rng.normal(20, 5, n_samples)
    return y_true, y_true + rng.normal(0, 2, n_samples)


def test_regplot_states_scikit_learns_numbers(ax: Axes) -> None:
    y_true, y_pred = numbers()
    plots.plot_regplot(y_true, y_pred, ax, unit="$1000s")
    assert (ax.get_xlabel(), ax.get_ylabel()) == (
        "Actual values ($1000s)",
        "Predicted values ($1000s)",
    )
    mae = metrics.mean_absolute_error(y_true, y_pred)
    rmse = metrics.root_mean_squared_error(y_true, y_pred)
    assert texts(ax) == (
        f"R² {metrics.r2_score(y_true, y_pred):.3g}, n = 80\n"
        f"MAE {mae:.3g} ($1000s), RMSE {rmse:.3g} ($1000s)"
    )


def test_regplot_draws_equality_between_equal_limits(ax: Axes) -> None:
    plots.plot_regplot(*numbers(), ax)
    assert ax.get_xlim() == ax.get_ylim()
    lines = {line.get_label(): line for line in ax.get_lines()}
    np.testing.assert_array_equal(*lines["perfect prediction"].get_data())
    x, y = lines["fitted line, 95% band"].get_data()
    slope = (y[-1] - y[0]) / (x[-1] - x[0])
    assert slope == pytest.approx(np.polyfit(*numbers(), deg=1)[0])
    (legend,) = ax.figure.legends
    assert [text.get_text() for text in legend.get_texts()] == [*lines]


def test_regplot_of_many_rows_stays_cheap(ax: Axes) -> None:
    plots.plot_regplot(*numbers(100_000), ax)
    assert len(ax.collections[0].get_offsets()) == 1_000
    assert "n = 100,000" in texts(ax)
    assert "fitted line, 95% band" in [line.get_label() for line in ax.get_lines()]


def test_regplot_names_no_line_that_it_does_not_draw(ax: Axes) -> None:
    plots.plot_regplot(np.full(9, 5.0), np.arange(9.0), ax)
    assert [line.get_label() for line in ax.get_lines()] == ["perfect prediction"]


@pytest.mark.parametrize("n_samples", [1, 2, 3])
def test_regplot_of_few_rows(ax: Axes, n_samples: int) -> None:
    plots.plot_regplot(*numbers(n_samples), ax)
    assert f"n = {n_samples}\n" in texts(ax)


def test_residuals_are_actual_minus_predicted(ax: Axes) -> None:
    y_true, y_pred = numbers()
    plots.plot_residuals(y_true, y_pred, ax, unit="mm")
    points = np.asarray(ax.collections[0].get_offsets())
    np.testing.assert_allclose(points, np.column_stack([y_pred, y_true - y_pred]))
    assert ax.get_ylabel() == "Actual − predicted (mm)"
    assert len(ax.child_axes) == 1
    assert "the middle 90%" in texts(ax)


@pytest.mark.parametrize("plot", [plots.plot_regplot, plots.plot_residuals])
def test_ticks_of_large_numbers_stay_apart(plot: Callable[..., None]) -> None:
    y_true, y_pred = numbers()
    with use_style():
        ax = new_figure(4.6, 5.2).subplots()
        plot(y_true * 20_000, y_pred * 20_000, ax, unit="$")
    ax.figure.draw_without_rendering()
    low, high = ax.get_xlim()
    labels = [t for t in ax.get_xticklabels() if low <= t.get_position()[0] <= high]
    boxes = [label.get_window_extent() for label in labels]
    gap = boxes[0].height / 2
    assert all("," in label.get_text() for label in labels if label.get_text() != "0")
    assert all(left.x1 + gap < right.x0 for left, right in pairwise(boxes))


@pytest.mark.parametrize("plot", [plots.plot_regplot, plots.plot_residuals])
@pytest.mark.parametrize(("scale", "angle"), [(1e3, 0), (2e7, 30)])
def test_ticks_of_millions_are_slanted(
    ax: Axes, plot: Callable[..., None], scale: float, angle: int
) -> None:
    y_true, y_pred = numbers()
    plot(y_true * scale, y_pred * scale, ax)
    assert {label.get_rotation() for label in ax.get_xticklabels()} == {angle}


@pytest.mark.parametrize(
    ("value", "digits", "words"),
    [
        (0.00312, 3, "0.00312"),
        (24_049.6, 3, "24,050"),
        (-1_240_467, 3, "−1,240,000"),
        (-497_928, 2, "−500,000"),
        (4.332e9, 3, "4.33e+09"),
    ],
)
def test_large_numbers_have_few_digits(value: float, digits: int, words: str) -> None:
    assert write_number(value, digits) == words


def test_learning_curves_name_their_lines_and_mark_the_best_epoch(ax: Axes) -> None:
    train, validation = [0.9, 0.5, 0.3, 0.2], [0.8, 0.6, 0.55, 0.7]
    plots.plot_learning_curves(train, validation, ax, best_epoch=3)
    by_label = {line.get_label(): line for line in ax.get_lines()}
    np.testing.assert_array_equal(by_label["train"].get_ydata(), train)
    np.testing.assert_array_equal(by_label["validation"].get_ydata(), validation)
    (legend,) = ax.figure.legends
    named = ["train", "validation", "best epoch: 3"]
    assert [text.get_text() for text in legend.get_texts()] == named
    assert ax.get_yscale() == "linear"


def test_epochs_are_whole_numbers(ax: Axes) -> None:
    for n_epochs in (1, 2, 30):
        ax.clear()
        plots.plot_learning_curves([0.5] * n_epochs, None, ax)
        assert all(tick == round(tick) for tick in ax.get_xticks())


def test_learning_curves_that_fall_far_have_a_logarithmic_scale(ax: Axes) -> None:
    plots.plot_learning_curves(np.geomspace(1, 0.01, 500), None, ax)
    assert ax.get_yscale() == "log"
    assert [line.get_label() for line in ax.get_lines()] == ["train"]


@pytest.mark.parametrize("values", [[np.nan], [0.5, np.nan, np.inf], [np.nan, np.nan]])
def test_learning_curves_that_diverge_are_drawn(ax: Axes, values: list[float]) -> None:
    plots.plot_learning_curves(values, values, ax)
    ax.figure.draw_without_rendering()
    assert len(ax.lines) >= 2


@pytest.mark.parametrize(("n_classes", "is_annotated"), [(2, True), (10, True), (100, False)])
def test_confusion_matrix_has_numbers_while_they_can_be_read(
    ax: Axes, n_classes: int, is_annotated: bool
) -> None:
    rng = np.random.default_rng(0)
    y_true = rng.integers(0, n_classes, 3_000)
    y_pred = np.where(rng.random(3_000) < 0.8, y_true, rng.integers(0, n_classes, 3_000))
    names = [f"c{i}" for i in range(n_classes)]
    plots.plot_confusion_matrix(y_true, y_pred, ax, class_names=names)
    counts = metrics.confusion_matrix(y_true, y_pred)
    share = counts[0, 0] / counts[0].sum()
    named = names if is_annotated else names[::2]
    assert [label.get_text() for label in ax.get_yticklabels()] == named
    assert bool(ax.texts) is is_annotated
    ax.figure.draw_without_rendering()
    labels = [label.get_window_extent() for label in ax.get_xticklabels()]
    assert all(label.y1 <= ax.get_window_extent().y0 + 1 for label in labels)
    angles = {label.get_rotation() for label in ax.get_xticklabels()}
    assert angles == {45 if is_annotated else 90}  # many names are too close to be slanted
    if is_annotated:
        assert ax.texts[0].get_text() == f"{counts[0, 0]:,}\n{share:.0%}"


def test_images_of_mistakes_have_a_red_note_and_frame(ax: Axes) -> None:
    notes, is_wrong = ["a\n90%", "b\n80%", "✗ a\n70%\nis c"], [False, False, True]
    plots.plot_images({"": draw_shapes(3)}, ax, notes=notes, is_wrong=is_wrong)
    assert [text.get_text() for text in ax.texts[1:]] == notes
    assert [text.get_color() for text in ax.texts].count(WRONG) == 1
    assert [patch.get_edgecolor() for patch in ax.patches].count(to_rgba(WRONG)) == 1
    assert [image.get_cmap().name for image in ax.get_images()] == ["gray"] * 3
    assert not ax.axison


@pytest.mark.parametrize(("name", "cmap"), [("mnist", "gray_r"), ("x_rays", "gray")])
def test_high_values_are_black_only_in_data_sets_of_ink_on_paper(
    tmp_path: Path, name: str, cmap: str
) -> None:
    run = write_classification(tmp_path / "run", images=draw_shapes())
    run.update(dataset=run.info["dataset"] | {"name": name})
    with use_style():
        panel, *_ = figures._PLOTS["samples"][0](read_results(run), choose_fonts([]))
    assert {image.get_cmap().name for image in panel.axes[0].get_images()} == {cmap}


@pytest.mark.parametrize("n_channels", [0, 1, 3])
def test_images_of_any_channels(ax: Axes, n_channels: int) -> None:
    plots.plot_images({"": draw_shapes(2, n_channels)}, ax)
    assert ax.get_images()[0].get_array().shape == (28, 28, 3)[: 3 if n_channels == 3 else 2]


def test_class_counts_are_bars(ax: Axes) -> None:
    plots.plot_class_counts([30, 5], ["a", "b"], ax, part="test")
    assert [bar.get_width() for bar in ax.patches] == [30, 5]
    assert (ax.get_title("left"), ax.get_xlabel()) == ("Test", "35 in all")


CORNERS = np.array([-90.0, -90, 0, 90, 90]), np.array([-90.0, 90, 0, -90, 90])


def draw_corners(ax: Axes) -> None:
    ax.set_title("value")
    plots.plot_regplot(*CORNERS, ax, unit="$1000s")


def draw_outlier(ax: Axes) -> None:
    ax.set_title("value")
    plots.plot_residuals(np.array([5.0, 6, 7, 2280]), np.array([5.0, 6, 7, 80]), ax)


def draw_early_stop(ax: Axes) -> None:
    plots.plot_learning_curves([1, 0.2, 0.1, 0.05], [0.2, 1, 1.1, 1.2], ax, best_epoch=1)


@pytest.mark.parametrize("draw", [draw_corners, draw_outlier, draw_early_stop])
def test_no_text_covers_data(ax: Axes, draw: Callable[[Axes], None]) -> None:
    draw(ax)
    ax.figure.draw_without_rendering()
    boxes = [artist.get_window_extent() for artist in (*ax.texts, *ax.figure.legends)]
    inside = ax.get_window_extent().padded(-1)
    assert boxes
    assert [box for box in boxes if box.overlaps(inside)] == []


def test_titles_are_inside_their_figure(tmp_path: Path) -> None:
    run = write_regression(tmp_path / "run")
    run.update(dataset=run.info["dataset"] | {"target_unit": "thousand euros"})
    results = read_results(run)
    with use_style():
        for name in ("regplot", "residuals"):
            (panel,) = figures._PLOTS[name][0](results, choose_fonts([]))
            panel.draw_without_rendering()
            assert panel.get_tightbbox().y1 <= panel.get_figheight()
            assert panel.get_tightbbox().x1 <= panel.get_figwidth()


def test_texts_that_are_equal_when_shortened_stay_apart(tmp_path: Path) -> None:
    run = write_regression(tmp_path / "run")
    towns = [f"in the houses {'south' if i % 2 else 'north'} of the long river" for i in range(4)]
    columns = {name: values[:4] for name, values in run.predictions.items()}
    run.write_predictions(columns | {f"{INPUT}town": towns})
    with use_style():
        (panel,) = figures._PLOTS["residuals_by_column"][0](read_results(run), choose_fonts([]))
        labels = [text.get_text() for text in panel.axes[0].get_xticklabels()]
    assert labels == ["…ouses north …e long river", "…ouses south …e long river"]


def test_columns_that_are_equal_when_shortened_stay_apart(tmp_path: Path) -> None:
    run = write_regression(tmp_path / "run")
    names = [f"in the houses {place} of the long river" for place in ("north", "south")]
    columns = {f"{INPUT}{name}": run.predictions["actual"] for name in names}
    run.write_predictions(run.predictions | columns)
    with use_style():
        panels = figures._PLOTS["residuals_by_column"][0](read_results(run), choose_fonts([]))
        labels = [panel.axes[0].get_xlabel() for panel in panels]
    assert labels == ["…ouses north …e long river", "…ouses south …e long river"]


@pytest.mark.parametrize(
    ("names", "labels"),
    [
        (["sensor 1 of the hall", "price"], ["sens…all", "price"]),
        (["sensor 1 of the hall", "sensor 2 of the hall"], ["…r 1…all", "…r 2…all"]),
        (["the sensor 1a", "the sensor 1b"], ["the … 1a", "the … 1b"]),
        ([f"{x} of the many sensors {y}m" for x in "ab" for y in "12"], ["a of… 1m", "a of… 2m"]),
        ([f"a{x} of the {y} long hall" for x in "bc" for y in "12"], ["…e 1…all (1)"]),
    ],
)
def test_shortened_names_keep_what_differs(names: list[str], labels: list[str]) -> None:
    assert shorten_each(names, 8)[: len(labels)] == labels


def test_a_class_has_the_number_of_its_place_if_others_have_no_curve(tmp_path: Path) -> None:
    names = tuple(f"in the houses {place} of the long river" for place in ("east", "north", "west"))
    run = write_classification(tmp_path / "run", names, 200)
    kept = [i for i, name in enumerate(run.predictions["actual"]) if name != names[0]]
    run.write_predictions({key: [v[i] for i in kept] for key, v in run.predictions.items()})
    with use_style():
        roc, _ = figures._PLOTS["roc_pr_curves"][0](read_results(run), choose_fonts([]))
        _, names_of_lines = roc.axes[0].get_legend_handles_labels()
    labels = [name.partition(":")[0] for name in names_of_lines]
    assert labels == ["…ouses north …e long river", "…ouses west o…e long river"]


def test_text_is_at_least_nine_pixels_high_on_a_phone(tmp_path: Path) -> None:
    runs = (
        write_regression(tmp_path / "regression"),
        write_classification(tmp_path / "images", images=draw_shapes()),
        write_classification(tmp_path / "classes", tuple(f"c{i}" for i in range(100))),
    )
    drawn = set()
    for run in runs:
        results = read_results(run)
        task = run.info["dataset"]["task"]
        for name in choose_plots({"task": task, "is_image": run.samples is not None}):
            with use_style():
                for panel in figures._PLOTS[name][0](results, choose_fonts([])):
                    drawn.add(name)
                    width = panel.get_figwidth()
                    scrolls = width > figures._READABLE_INCHES
                    shrunk = 1 if scrolls else min(1, PHONE_PX / 96 / width)
                    panel.draw_without_rendering()
                    texts = [t for t in panel.findobj(Text) if t.get_visible() and t.get_text()]
                    assert min(t.get_size() for t in texts) * 96 / 72 * shrunk >= 9
    assert len(drawn) > 5


def test_words_that_no_font_can_draw_are_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(font_manager, "get_font_names", lambda: ["DejaVu Sans"])
    fonts = choose_fonts(["a", "नमस्ते"])
    assert fonts.missing == {*"नमस्ते"}
    assert fonts.spell("नमस्ते", "class 0") == "class 0"
    assert fonts.spell("a\nb", "class 0") == "a b"


def test_a_font_is_found_that_was_installed_after_matplotlib_listed_its_fonts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = font_manager.findfont("DejaVu Serif")
    manager = font_manager.fontManager
    monkeypatch.setattr(
        manager, "ttflist", [f for f in manager.ttflist if f.name != "DejaVu Serif"]
    )
    (tmp_path / "damaged.ttf").write_bytes(b"no font")
    files = [file, str(tmp_path / "damaged.ttf")]
    monkeypatch.setattr(font_manager, "findSystemFonts", lambda: files)
    choose_fonts(["नमस्ते"])
    assert "DejaVu Serif" in font_manager.get_font_names()


def test_plain_words_need_no_search_among_fonts() -> None:
    assert "DejaVu Sans" in choose_fonts(["Größe ✗"]).families
    assert len(choose_fonts(["plain"]).families) <= 2
