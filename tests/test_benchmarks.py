"""What the benchmarks make of kept measurements; nothing here measures."""

from __future__ import annotations

from pathlib import Path

import pytest
from benchmarks import __main__ as command
from benchmarks import page
from benchmarks.draft_tables import TABLES, find_half
from benchmarks.drafts import find_ranks
from benchmarks.growth import find_slope
from benchmarks.results import Results, read_fit
from benchmarks.targets import TARGETS, compare_with_torch, find_speedup

Figures = dict[str, object]


def fit(*seconds: float) -> list[Figures]:
    return [{"wall_s": s + 5, "seconds": {"fit": s}, "peak_mb": 900.0} for s in seconds]


def keep(**measurements: list[Figures]) -> dict[str, Results]:
    facts = {"steps": 3000}
    machine = {"processor": "Test", "cores": "2 cores"}
    return {"boston": Results("a", "2026-01-31", machine, False, 3, facts, measurements)}


FOUND = keep(
    command=fit(2.0, 2.0, 8.0),
    notes=fit(20.0, 10.0, 40.0),
    torch_1=fit(1.0, 1.0, 4.0),
    torch_2=fit(9.0, 9.0, 9.0),
    lightning_1=[{"error": "not installed: lightning"}] * 3,
)


def test_ratios_are_taken_within_a_round() -> None:
    assert find_speedup(FOUND, "boston", "notes") == 5.0
    assert FOUND["boston"].find_median("notes", read_fit) == 20.0


def test_ours_is_held_against_pytorch_at_its_better_number_of_threads() -> None:
    assert compare_with_torch(FOUND, "boston") == 2.0


def test_a_round_that_failed_leaves_the_others() -> None:
    found = keep(command=fit(2.0, 2.0), notes=[{"error": "killed"}, *fit(6.0)])["boston"]
    assert found.find_ratio("notes", "command", read_fit) == 3.0
    assert found.find_error("notes") is None


def test_the_page_says_what_is_missed_and_what_was_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reasons = tmp_path / "reasons.yaml"
    reasons.write_text("boston_notes: Tracing takes a second.", encoding="utf-8")
    monkeypatch.setattr(page, "PAGE", tmp_path / "page.md")
    monkeypatch.setattr(page, "REASONS", reasons)
    page.write_page(FOUND, {})
    text = (tmp_path / "page.md").read_text(encoding="utf-8")
    assert "| Boston: the notes' fit / our fit | ≥ 7× | 5.00× | **missed by 29%** |" in text
    assert "- *Boston: the notes' fit / our fit*: Tracing takes a second." in text
    assert "| Lightning, 1 thread | not installed: lightning |" in text
    assert text.count("Not measured yet.") == 7


def test_every_target_can_be_asked_for_before_anything_is_measured() -> None:
    assert [target.find({}) for target in TARGETS] == [None] * len(TARGETS)


def test_a_slope_of_one_is_ten_times_the_time_for_ten_times_the_work() -> None:
    assert find_slope([10, 100, 1000], [0.2, 2.0, 20.0]) == pytest.approx(1.0)
    assert find_slope([10], [0.2]) != find_slope([10], [0.2])  # NaN


def test_an_unknown_workload_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        command.parse_arguments(["--only", "bosten"])
    assert "There is no workload 'bosten'." in capsys.readouterr().err


# ---- drafts -----------------------------------------------------------------------------------


def test_every_kind_of_table_is_in_both_halves() -> None:
    for kind in ("number", "rating", "class"):
        halves = [find_half(name) for name, table in TABLES.items() if table.kind == kind]
        assert halves.count("tuning") - halves.count("reporting") in (0, 1)


def test_equal_scores_share_a_rank_and_a_missing_one_is_last() -> None:
    scores = {"draft": {"accuracy": 0.9}, "linear": {"accuracy": 0.90001}, "MLP": {"accuracy": 0.8}}
    scores |= {"HGB": {"accuracy": 0.95}}
    ranks = {"draft": 2.5, "linear": 2.5, "MLP": 4.0, "HGB": 1.0}
    assert find_ranks(scores, "accuracy") == ranks
    losses = {name: {"log_loss": loss} for name, loss in [("linear", 0.2), ("MLP", 0.1)]}
    losses |= {"draft": {}, "HGB": {"log_loss": 0.3}}
    assert find_ranks(losses, "log_loss")["draft"] == 4
