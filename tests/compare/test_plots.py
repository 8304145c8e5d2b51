"""The comparison's pictures, looked at through the artists on their Axes."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.text import Annotation

from kerasrecipes.compare import plots
from kerasrecipes.report.style import new_figure, render_svg, use_style

pytestmark = pytest.mark.filterwarnings("error")


@pytest.fixture(params=[5.4, 4.0], ids=["desktop", "phone"])
def ax(request: pytest.FixtureRequest) -> Iterator[Axes]:
    with use_style():
        yield new_figure(request.param, 3.6).subplots()


def test_every_seed_is_a_dot_and_every_mean_stands_in_its_interval(ax: Axes) -> None:
    scores = {"a": [0.8, 0.9, 1.0], "b": [0.5, 0.6, 0.7]}
    plots.plot_scores(scores, [(0.85, 0.95), (0.5, 0.7)], ["one", "two"], ax, label="accuracy")
    drawn = [np.asarray(line.get_xdata(), dtype=float) for line in ax.get_lines()]
    for values in (*scores.values(), (0.85, 0.95), (0.5, 0.7), [0.9], [0.6]):
        assert any(len(x) == len(values) and np.allclose(x, values) for x in drawn)
    assert {text.get_text() for text in ax.texts} == {"a", "b", "one", "two"}
    top, bottom = (text.get_position()[1] for text in ax.texts[::2])
    assert ax.transData.transform((0, top))[1] > ax.transData.transform((0, bottom))[1]


def test_one_seed_has_a_dot_and_no_mean(ax: Axes) -> None:
    nothing = (float("nan"), float("nan"))
    plots.plot_scores({"a": [0.8]}, [nothing], [""], ax, label="accuracy", is_narrow=True)
    assert sorted(line.get_marker() for line in ax.get_lines()) == ["None", "None", "o"]
    render_svg(ax.figure)


def test_a_line_is_the_seeds_mean_and_its_band_their_range(ax: Axes) -> None:
    plots.plot_seed_curves({"a": [[1, 3], [2, 5]]}, ax)
    np.testing.assert_allclose(ax.get_lines()[0].get_xydata(), [[1, 1.5], [2, 4]])
    corners = {tuple(corner) for corner in ax.collections[0].get_paths()[0].vertices}
    assert {(1, 1), (1, 2), (2, 3), (2, 5)} <= corners


def test_where_seeds_have_stopped_the_line_goes_on_dotted(ax: Axes) -> None:
    plots.plot_seed_curves({"a": [[4, 3], [2, 1, 0.5, 0.4]]}, ax)
    whole, rest = ax.get_lines()
    np.testing.assert_allclose(whole.get_ydata(), [3, 2])
    np.testing.assert_allclose(rest.get_ydata(), [2, 0.5, 0.4])
    assert (whole.get_linestyle(), rest.get_linestyle()) == ("-", ":")
    assert [text.xy for text in ax.texts] == [(4, 0.4)]


@pytest.mark.parametrize("diverged", [[np.nan, np.nan], [1, np.nan], [1, np.inf]])
def test_seeds_that_diverged_are_left_out_of_the_mean(ax: Axes, diverged: list[float]) -> None:
    plots.plot_seed_curves({"a": [[3, 2], diverged], "b": [diverged]}, ax)
    assert ax.get_lines()[0].get_ydata()[1] == 2
    render_svg(ax.figure)


@pytest.mark.parametrize("n", [2, 8, 12])
def test_names_of_curves_that_meet_do_not_collide(ax: Axes, n: int) -> None:
    plots.plot_seed_curves({f"contender {i}": [[0.1 * i, 0.9 + i / 1e3]] for i in range(n)}, ax)
    ax.figure.draw_without_rendering()
    boxes = [
        super(Annotation, text).get_window_extent()
        for text in ax.texts
        if isinstance(text, Annotation)
    ]
    assert len(boxes) == n
    figure = ax.figure.bbox
    assert all(box.x1 <= figure.x1 and figure.y0 <= box.y0 <= box.y1 <= figure.y1 for box in boxes)
    assert not any(one.overlaps(other) for one, other in combinations(boxes, 2))


def test_names_stand_in_the_order_of_their_curves(ax: Axes) -> None:
    plots.plot_seed_curves({"low": [[0, 0.50]], "high": [[0, 0.51]], "top": [[0, 0.9]]}, ax)
    height = {text.get_text(): text.get_position()[1] for text in ax.texts}
    assert height["low"] < height["high"] < height["top"]


def test_more_contenders_than_colours_differ_in_dashes(ax: Axes) -> None:
    plots.plot_seed_curves({str(i): [[0, i]] for i in range(20)}, ax)
    looks = {(line.get_color(), str(line._dash_pattern)) for line in ax.get_lines()}
    assert len(looks) == 20


def test_drawings_need_no_font_and_follow_the_page(ax: Axes) -> None:
    plots.plot_seed_curves({"모델": [[1, 2]]}, ax)
    with pytest.warns(UserWarning, match="missing from font"):  # this style has no Korean font
        svg = render_svg(ax.figure).decode("utf-8")
    assert svg.startswith("<svg")
    assert "<text" not in svg
    assert "font-family" not in svg
    assert "prefers-color-scheme:dark" in svg
    assert "fill: var(--c" in svg
