"""The comparison's page: contenders and a comparison in, one file of HTML out."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from html import unescape
from pathlib import Path
from statistics import mean, stdev

import pytest
from matplotlib import font_manager

from kerasrecipes.comparison.contenders import Contender
from kerasrecipes.comparison.page import render_comparison

from .fake_contenders import OPTIMIZERS, compare, write_contender, write_optimizers

pytestmark = pytest.mark.filterwarnings("error")

COMMAND = "kerasrecipes compare configs/fashion_relu_*.yaml --seeds 5"


def render(contenders: Sequence[Contender], part: str = "validation") -> str:
    """The page, where nothing is to be warned of."""
    html, warnings = render_comparison(replace(compare(contenders, part), command=COMMAND))
    assert warnings == []
    return html


def read(html: str) -> str:
    """What a reader sees, in one line."""
    body = re.sub(r"<style>.*?</style>", "", html, flags=re.DOTALL)
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]*>", " ", body.replace("<wbr>", ""))))


def list_alts(html: str) -> list[str]:
    return [unescape(alt) for alt in re.findall(r'<img[^>]* alt="([^"]*)"', html)]


def test_the_verdict_in_words_comes_before_any_picture(tmp_path: Path) -> None:
    contenders = write_optimizers(tmp_path)
    html = render(contenders)
    headline, *notes = str(compare(contenders)).splitlines()
    assert f'<p class="headline">{headline}</p>' in html.partition("<img")[0]
    assert all(f"<p>{note}</p>" in html for note in notes)
    assert "6 recipes compared by validation accuracy" in read(html)


def test_headings_are_those_of_a_report(tmp_path: Path) -> None:
    page = read(render(write_optimizers(tmp_path, n_seeds=2)))
    assert "Plots" in page
    assert "To repeat it" in page
    assert "Pictures" not in page


def test_the_page_needs_nothing_but_itself(tmp_path: Path) -> None:
    html = render(write_optimizers(tmp_path))
    assert len(html.encode()) < 3_000_000
    assert not re.search(r"<script|https?://|@import|url\(", html)
    sources = re.findall(r'(?:src|srcset|href)="([^"]*)"', html)
    assert all(source.startswith(("data:", "#", "../../")) for source in sources)


def test_the_same_runs_give_the_same_page(tmp_path: Path) -> None:
    contenders = write_optimizers(tmp_path, n_seeds=2)
    assert render(contenders) == render(contenders[::-1])


def test_the_table_tells_what_the_statistics_say(tmp_path: Path) -> None:
    contenders = write_optimizers(tmp_path)
    html = render(contenders)
    rows = re.findall(r"<tr>.*?</tr>", html.partition("</table>")[0], flags=re.DOTALL)[1:]
    differences = html.partition('aria-label="Differences"')[2]
    comparison = compare(contenders).ranking
    assert len(rows) == len(comparison.standings) == 6
    for row, standing in zip(map(read, rows), comparison.standings, strict=True):
        assert standing.name.removeprefix("fashion_relu_") in row
        assert f"{mean(standing.scores):.4f} ± {stdev(standing.scores):.4f}" in row
        assert str(standing.verdict) in row
    worst = comparison.standings[-1]
    low, high = (f"{end:.3g}".replace("-", "−") for end in worst.difference_interval)
    assert f"−{-worst.difference:.4f} {low} to {high} worse" in read(rows[-1])
    assert "Adagrad(learning_rate=0.001)" in read(differences)


def test_recipes_are_shown_by_what_differs_from_the_reference(tmp_path: Path) -> None:
    html = render([write_contender(tmp_path / kind, kind, kind) for kind in ("adam", "sgd")])
    assert "<del>−   Adam: {learning_rate: 0.001}</del>" in html
    assert "<ins>+   SGD: {learning_rate: 0.01}</ins>" in html
    assert not re.search(r"<(ins|del)>. (name|seed)", html)


def test_the_same_recipe_under_two_names_is_said_to_be_the_same(tmp_path: Path) -> None:
    html = render([write_contender(tmp_path / name, name) for name in ("one", "other")])
    assert "The same recipe." in html
    assert "<ins>" not in html


def test_every_run_is_listed_with_its_seed_and_its_report(tmp_path: Path) -> None:
    contenders = write_optimizers(tmp_path)
    html = render(contenders)
    page = read(html)
    for contender in contenders:
        for run in contender.runs:
            score = run.metrics["validation"]["accuracy"]
            assert re.search(rf"{run.info['seed']} {score:.4f} [\d.]+ s {run.path.name}", page)
            assert f'href="../../{run.path.parent.name}/{run.path.name}/report.html"' in html
    assert COMMAND in page
    assert str(tmp_path) not in page


def test_runs_of_unequal_length_are_compared(tmp_path: Path) -> None:
    html = render(
        [
            write_contender(tmp_path / kind, kind, kind, lengths=lengths)
            for kind, lengths in (("adam", (3, 7, 12)), ("sgd", (20,)))
        ]
    )
    assert "<td>6.4</td>" in html
    assert "the mean up to the first epoch that some run lacks" in html
    assert "over up to 20 epochs" in " ".join(list_alts(html))


def test_one_seed_is_shown_without_intervals_and_without_claims(tmp_path: Path) -> None:
    page = read(render(write_optimizers(tmp_path, n_seeds=1)))
    assert "One seed does not show how much scores vary" in page
    assert "±" not in page.partition("Best first;")[2].partition("Recipe")[2]
    assert "nan" not in page.casefold()


def test_without_validation_the_training_curves_are_shown(tmp_path: Path) -> None:
    contenders = [
        write_contender(tmp_path / kind, kind, kind, with_validation=False)
        for kind in ("adam", "sgd")
    ]
    html = render(contenders, part="test")
    assert "compared by test accuracy" in html
    assert "<h3>Accuracy, training part</h3>" in html


def test_a_comparison_by_loss_has_one_picture_of_curves(tmp_path: Path) -> None:
    contenders = write_optimizers(tmp_path)
    html, _ = render_comparison(compare(contenders, "test", "loss", higher_is_better=False))
    assert [alt.partition(" ")[0] for alt in list_alts(html)] == ["Dot", "Loss,"]
    assert "To repeat it" not in html


def test_names_are_text_and_never_markup(tmp_path: Path) -> None:
    bad = "<script>alert(1)</script>"
    html = render(
        [write_contender(tmp_path / "a", bad), write_contender(tmp_path / "b", '"><b>', "sgd")]
    )
    assert "<script" not in html
    assert "<b>" not in html
    assert html.replace("<wbr>", "").count("&lt;script&gt;alert(1)&lt;/script&gt;") > 5


def test_names_of_any_script_reach_the_page(tmp_path: Path) -> None:
    names = ("패션 MNIST 모델 갑", "패션 MNIST 모델 을")
    contenders = [
        write_contender(tmp_path / kind, name, kind)
        for kind, name in zip(("adam", "sgd"), names, strict=True)
    ]
    html, _ = render_comparison(compare(contenders))
    assert all(name in " ".join(list_alts(html)[:1]) for name in names)


def test_letters_that_no_font_has_are_warned_of_and_never_boxes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(font_manager, "get_font_names", lambda: ["DejaVu Sans"])
    contenders = [write_contender(tmp_path / "a", "नमस्ते"), write_contender(tmp_path / "b", "b")]
    html, warnings = render_comparison(compare(contenders))
    assert len(warnings) == 1
    assert "No installed font can draw" in warnings[0]
    assert warnings[0] in unescape(html)
    assert "नमस्ते" in html


def test_eight_contenders_of_long_runs_stay_small(tmp_path: Path) -> None:
    kinds = [*OPTIMIZERS, "adam", "sgd"]
    contenders = [
        write_contender(tmp_path / str(i), f"{kind} {i}", kind, lengths=(500, 2_000))
        for i, kind in enumerate(kinds)
    ]
    assert len(render(contenders).encode()) < 3_000_000


def test_importing_the_page_costs_little() -> None:
    code = (
        "import sys, kerasrecipes.comparison.page; print([m for m in ('tensorflow', 'keras', "
        "'matplotlib', 'seaborn', 'pandas', 'sklearn', 'scipy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
