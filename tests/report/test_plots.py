"""Pictures, looked at through the artists on their Axes."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from matplotlib import font_manager
from matplotlib.axes import Axes
from sklearn import metrics

from kerasrecipes.report import plots
from kerasrecipes.report.fonts import choose_fonts
from kerasrecipes.report.style import WRONG, new_figure, use_style

from .fake_runs import draw_shapes

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


def test_regplot_tells_scikit_learns_numbers(ax: Axes) -> None:
    y_true, y_pred = numbers()
    assert plots.plot_regplot(y_true, y_pred, ax, unit="$1000s") is ax
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("Actual Values", "Predicted Values")
    box = texts(ax)
    assert f"R²  {metrics.r2_score(y_true, y_pred):.3g}" in box
    assert f"MAE  {metrics.mean_absolute_error(y_true, y_pred):.3g} ($1000s)" in box
    assert f"RMSE  {metrics.root_mean_squared_error(y_true, y_pred):.3g} ($1000s)" in box
    assert "n  80" in box


def test_regplot_draws_equality_between_equal_limits(ax: Axes) -> None:
    plots.plot_regplot(*numbers(), ax)
    assert ax.get_xlim() == ax.get_ylim()
    lines = {line.get_label(): line for line in ax.get_lines()}
    np.testing.assert_array_equal(*lines["perfect prediction"].get_data())
    x, y = lines["fitted line, 95% band"].get_data()
    slope = (y[-1] - y[0]) / (x[-1] - x[0])
    assert slope == pytest.approx(np.polyfit(*numbers(), deg=1)[0])
    assert [text.get_text() for text in ax.get_legend().get_texts()] == [*reversed(lines)][::-1]


def test_regplot_of_many_rows_stays_cheap(ax: Axes) -> None:
    plots.plot_regplot(*numbers(100_000), ax)
    assert len(ax.collections[0].get_offsets()) == 5_000
    assert "n  100,000" in texts(ax)
    assert "fitted line" in [line.get_label() for line in ax.get_lines()]


@pytest.mark.parametrize("n_samples", [1, 2, 3])
def test_regplot_of_few_rows(ax: Axes, n_samples: int) -> None:
    plots.plot_regplot(*numbers(n_samples), ax)
    assert f"n  {n_samples}" in texts(ax)


def test_residuals_are_actual_minus_predicted(ax: Axes) -> None:
    y_true, y_pred = numbers()
    plots.plot_residuals(y_true, y_pred, ax, unit="mm")
    points = np.asarray(ax.collections[0].get_offsets())
    np.testing.assert_allclose(points, np.column_stack([y_pred, y_true - y_pred]))
    assert ax.get_ylabel() == "Actual − predicted (mm)"
    assert len(ax.child_axes) == 1
    assert "the middle 90%" in texts(ax)


def test_learning_curves_name_their_lines_and_mark_the_best_epoch(ax: Axes) -> None:
    train, validation = [0.9, 0.5, 0.3, 0.2], [0.8, 0.6, 0.55, 0.7]
    plots.plot_learning_curves(train, validation, ax, best_epoch=3)
    by_label = {line.get_label(): line for line in ax.get_lines()}
    np.testing.assert_array_equal(by_label["train"].get_ydata(), train)
    np.testing.assert_array_equal(by_label["validation"].get_ydata(), validation)
    assert {"train", "validation", "lowest validation loss: epoch 3"} <= {*texts(ax).split("\n")}
    assert ax.get_yscale() == "linear"


def test_learning_curves_that_fall_far_have_a_logarithmic_scale(ax: Axes) -> None:
    plots.plot_learning_curves(np.geomspace(1, 0.01, 500), None, ax)
    assert ax.get_yscale() == "log"
    assert "validation" not in texts(ax)


def test_names_at_the_ends_of_curves_stay_apart(ax: Axes) -> None:
    plots.plot_learning_curves([1, 0.5], [1.1, 0.5], ax)
    heights = [text.get_position()[1] for text in ax.texts]
    assert abs(heights[0] - heights[1]) > 0.05


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
    assert [label.get_text() for label in ax.get_yticklabels()] == names
    assert bool(ax.texts) is is_annotated
    if is_annotated:
        assert ax.texts[0].get_text() == f"{counts[0, 0]:,}\n{share:.0%}"


def test_samples_mark_a_mistake_by_colour_and_symbol(ax: Axes) -> None:
    images = draw_shapes(3)
    plots.plot_samples(images, ["a", "b", "c"], ["a", "b", "a"], ax, confidence=[0.9, 0.8, 0.7])
    assert texts(ax).split("\n") == ["a", "90%", "b", "80%", "✗ a", "70%", "is c"]
    assert [text.get_color() for text in ax.texts].count(WRONG) == 1
    assert [image.get_cmap().name for image in ax.get_images()] == ["gray_r"] * 3
    assert not ax.axison


@pytest.mark.parametrize("n_channels", [0, 1, 3])
def test_samples_of_any_channels(ax: Axes, n_channels: int) -> None:
    plots.plot_samples(draw_shapes(2, n_channels), ["a", "b"], ["a", "b"], ax)
    assert ax.get_images()[0].get_array().shape == (28, 28, 3)[: 3 if n_channels == 3 else 2]


def test_class_counts_are_bars(ax: Axes) -> None:
    plots.plot_class_counts([30, 5], ["a", "b"], ax, part="test")
    assert [bar.get_width() for bar in ax.patches] == [30, 5]
    assert (ax.get_title("left"), ax.get_xlabel()) == ("Test", "35 in all")


def test_words_that_no_font_can_draw_are_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(font_manager, "get_font_names", lambda: ["DejaVu Sans"])
    fonts = choose_fonts(["a", "नमस्ते"])
    assert fonts.missing == {*"नमस्ते"}
    assert fonts.spell("नमस्ते", "class 0") == "class 0"
    assert fonts.spell("a\nb", "class 0") == "a b"


def test_plain_words_need_no_search_among_fonts() -> None:
    assert "DejaVu Sans" in choose_fonts(["Größe ✗"]).families
    assert len(choose_fonts(["plain"]).families) <= 2
