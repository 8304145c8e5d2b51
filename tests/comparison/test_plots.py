"""The comparison's pictures, looked at through the artists on their Axes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from kerasrecipes.comparison import page as plots
from kerasrecipes.report.style import FAINT, new_figure, render_svg, use_style
from kerasrecipes.runs import Run

from .fake_contenders import OPTIMIZERS, compare, write_contender

pytestmark = pytest.mark.filterwarnings("error")


@pytest.fixture(params=[5.4, 4.0], ids=["desktop", "phone"])
def ax(request: pytest.FixtureRequest) -> Iterator[Axes]:
    with use_style():
        yield new_figure(request.param, 3.6).subplots()


def test_every_seed_is_a_dot_and_every_mean_stands_in_its_interval(ax: Axes) -> None:
    scores = {"a": [0.8, 0.9, 1.0], "b": [0.5, 0.6, 0.7]}
    plots.plot_scores(scores, [(0.85, 0.95), (0.5, 0.7)], ax, label="accuracy")
    drawn = [np.asarray(line.get_xdata(), dtype=float) for line in ax.get_lines()]
    for values in (*scores.values(), (0.85, 0.95), (0.5, 0.7), [0.9], [0.6]):
        assert any(len(x) == len(values) and np.allclose(x, values) for x in drawn)
    assert [text.get_text() for text in ax.get_yticklabels()] == ["a", "b"]
    assert ax.yaxis.get_inverted()


def test_one_seed_has_a_dot_and_no_mean(ax: Axes) -> None:
    nothing = (float("nan"), float("nan"))
    plots.plot_scores({"a": [0.8]}, [nothing], ax, label="accuracy")
    assert sorted(line.get_marker() for line in ax.get_lines()) == ["None", "None", "o"]
    render_svg(ax.figure)


def list_lines(ax: Axes, color: str) -> list[list[float]]:
    return [np.asarray(line.get_ydata()).tolist() for line in ax.lines if line.get_color() == color]


def test_every_seed_is_a_line_to_its_own_end_and_a_dot(ax: Axes) -> None:
    plots.plot_seed_curves([[4, 3], [2, 1, 0.5, 0.4]], [], ax, color="red")
    *seeds, mean = list_lines(ax, "red")
    assert seeds == [[4, 3], [3], [2, 1, 0.5, 0.4], [0.4]]
    assert mean == [3, 2]


def test_the_mean_ends_where_a_seed_has_stopped_or_diverged() -> None:
    nan, inf = np.nan, np.inf
    assert plots.average_curves([[4, 3], [2, 1, 0.5, 0.4]]).tolist() == [3, 2]
    assert plots.average_curves([[4, 3, 2], [2, 1, nan]]).tolist() == [3, 2]
    assert plots.average_curves([[4, 3, 2], [2, inf, 1]]).tolist() == [3]
    assert plots.average_curves([[nan, 1], [1, 2]]).tolist() == []


def test_the_other_recipes_are_faint_means_behind(ax: Axes) -> None:
    plots.plot_seed_curves([[1, 2]], [np.array([3.0, 4.0])], ax, color="red")
    assert list_lines(ax, FAINT) == [[3, 4]]
    assert list_lines(ax, "red") == [[1, 2], [2]]


def test_a_seed_without_any_number_has_no_dot(ax: Axes) -> None:
    plots.plot_seed_curves([[3, 2], [np.nan, np.nan]], [], ax, color="red")
    assert [len(line) for line in list_lines(ax, "red")] == [2, 1, 2, 0]
    render_svg(ax.figure)


def test_drawings_need_no_font_and_follow_the_page(ax: Axes) -> None:
    plots.plot_scores({"모델": [1, 2]}, [(1, 2)], ax, label="accuracy")
    with pytest.warns(UserWarning, match="missing from font"):  # this style has no Korean font
        svg = render_svg(ax.figure).decode("utf-8")
    assert svg.startswith("<svg")
    assert "<text" not in svg
    assert "font-family" not in svg
    assert "prefers-color-scheme:dark" in svg
    assert "fill: var(--c" in svg


def test_a_recipe_has_the_same_short_name_in_every_figure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also if a recipe without learning curves stands before it."""
    names = ["Boosting", "wine optimizer=adam epochs=5", "wine optimizer=nadam epochs=5"]
    contenders = [
        write_contender(tmp_path, name, kind, n_seeds=2)
        for name, kind in zip(names, OPTIMIZERS, strict=False)
    ]
    monkeypatch.setattr(Run, "has_network", property(lambda run: run.info["name"] != "Boosting"))
    drawn = list[Figure]()
    monkeypatch.setattr(plots, "render_svg", drawn.append)
    plots._draw_pictures(compare(contenders))
    scores, curves = (figure.axes for figure in drawn[1:4:2])  # on a phone
    labels = [text.get_text() for text in scores[0].get_yticklabels()]
    assert labels[1:] == ["…izer=nadam epochs=5", "…izer=adam epochs=5"]
    assert [ax.get_title("left") for ax in curves] == labels[1:]
