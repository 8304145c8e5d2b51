"""Writes docs/performance.md from stored measurements."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import yaml

from benchmarks import growth
from benchmarks.measure import ROOT, Figures
from benchmarks.results import Results, read_fit, read_peak, read_wall
from benchmarks.targets import TARGETS, list_growth
from benchmarks.workloads import WORKLOADS

PAGE = ROOT / "docs" / "performance.md"
REASONS = ROOT / "benchmarks" / "reasons.yaml"
STAGES = ("data", "import", "build", "encode", "fit", "save", "evaluate", "predict", "report")
FITS = ("boston", "fashion", "conv", "lstm")


def write_page(found: Mapping[str, Results], pictures: Mapping[str, Path]) -> None:
    """Write the page; workloads without measurements are marked as such."""
    sections = [_INTRODUCTION, _describe_conditions(found)]
    sections += ["## Targets", _make_targets(found), *_list_reasons(found)]
    if "fits" in pictures:
        sections += [f"![Seconds of fit, by contender and workload]({pictures['fits'].name})"]
    for name, workload in WORKLOADS.items():
        sections.append(f"## {workload.title}")
        if name not in found:
            sections.append("Not measured yet.")
        elif name in FITS:
            sections += [_make_fits(name, found[name]), *_list_stages(found[name])]
        elif name == "growth":
            if "growth" in pictures:
                words = "Time and memory against rows, columns, epochs and layers"
                sections.append(f"![{words}]({pictures['growth'].name})")
            sections += _make_growth(found)
        else:
            sections.append(_make_stages(name, found[name]))
    sections.append(_METHOD)
    PAGE.write_text("\n\n".join(sections) + "\n", encoding="utf-8")


def _describe_conditions(found: Mapping[str, Results]) -> str:
    machines = {", ".join(results.machine.values()) for results in found.values()}
    dates = sorted({results.date for results in found.values()})
    rounds = sorted({results.rounds for results in found.values()})
    versions: dict[str, str] = {}
    for results in found.values():
        for figures in results.measurements.values():
            versions |= figures[0].get("versions", {})
    runs = {results.run for results in found.values()}
    in_one_run = " in one run" if len(runs) == 1 and "" not in runs else ""
    lines = [
        f"Measured{in_one_run} on {' and '.join(machines)}; {_span(dates)}; "
        f"rounds: {_span(rounds)}.",
        "Versions: " + ", ".join(f"{name} {version}" for name, version in sorted(versions.items())),
    ]
    if any(results.is_quick for results in found.values()):
        lines.append("**With `--quick`: these figures only show that everything runs.**")
    return "  \n".join(lines)


def _span(values: Sequence[object]) -> str:
    """The first and the last of sorted values, or the only one."""
    return " to ".join(map(str, dict.fromkeys((values[0], values[-1]))))


def _make_targets(found: Mapping[str, Results]) -> str:
    rows = []
    for target in TARGETS:
        figure = target.find(found)
        limit = f"{'≥' if target.is_least else '≤'} {target.limit:g}{target.unit}"
        if figure is None:
            rows.append([target.words, limit, "–", "not measured"])
        else:
            measured = f"{figure:.2f}{target.unit}"
            rows.append([target.words, limit, measured, target.tell_by_how_much(figure)])
    return _make_table(["what", "target", "measured", ""], rows, "lrrl")


def _list_reasons(found: Mapping[str, Results]) -> list[str]:
    reasons = yaml.safe_load(REASONS.read_text(encoding="utf-8")) or {}
    lines = []
    for target in TARGETS:
        figure = target.find(found)
        if figure is not None and not target.is_met(figure):
            reason = " ".join(str(reasons.get(target.key, "not looked into yet")).split())
            lines.append(f"- *{target.words}*: {reason}")
    return ["Where one is missed, why:", "\n".join(lines)] if lines else []


def _make_fits(name: str, results: Results) -> str:
    steps = results.facts["steps"]
    keys = [key for key in WORKLOADS[name].labels if key in results.measurements]
    known = {key: results.find_median(key, read_fit) for key in keys}
    rows = []
    for key in sorted(keys, key=lambda key: (known[key] is None, known[key])):
        label = WORKLOADS[name].labels[key]
        fit_s = known[key]
        if fit_s is None:
            rows.append([label, results.find_error(key) or "–", *[""] * 6])
            continue
        values = [v for v in results.list_values(key, read_fit) if v is not None]
        rows.append(
            [
                f"**{label}**" if key in ("command", "ours") else label,
                f"{fit_s:.2f}",
                f"{min(values):.2f}–{max(values):.2f}",
                _write(results.find_ratio(key, "command", read_fit), ".2f"),
                f"{steps / fit_s:,.0f}",
                _write(results.find_median(key, read_wall), ".1f"),
                _write(_find_memory(results, key), ",.0f"),
                _write(results.find_median(key, lambda f: f["test_loss"]), ".3f"),
            ]
        )
    header = ["contender", "fit, s", "range", "fit / ours", "steps/s", "whole process, s"]
    return _make_table([*header, "memory, MB", "test loss"], rows, "lrrrrrrr")


def _find_memory(results: Results, key: str) -> float | None:
    """Peak memory above imports; for the command, above the imports of another process."""
    above = results.find_median(key, lambda f: f["peak_above_import_mb"])
    if above is not None:
        return above
    peak, imported = (results.find_median(k, read_peak) for k in (key, "import"))
    return peak - imported if peak is not None and imported is not None else None


def _list_stages(results: Results) -> list[str]:
    """Where the command's time goes, in one line."""
    medians = {
        stage: results.find_median("command", _read_stage(stage))
        for stage in _find_stages(results.measurements.get("command", ()))
    }
    words = [f"{stage} {s:.2f}" for stage, s in medians.items() if s is not None]
    return [f"Stages of the command, s: {' · '.join(words)}."] if words else []


def _make_stages(name: str, results: Results) -> str:
    """A table of whole processes, with stages where there are any."""
    labels = WORKLOADS[name].labels
    everything = [figures for all_ in results.measurements.values() for figures in all_]
    stages = _find_stages(everything) if name in ("table", "predict") else []
    rows = []
    for key in results.measurements:
        error = results.find_error(key)
        label = labels.get(key, f"`{key}`")
        if error:
            rows.append([label, error, *[""] * (1 + len(stages))])
            continue
        cells = [_write(results.find_median(key, _read_stage(stage)), ".2f") for stage in stages]
        wall, peak = (results.find_median(key, read) for read in (read_wall, read_peak))
        rows.append([label, _write(wall, ".2f"), _write(peak, ",.0f"), *cells])
    header = ["", "whole process, s", "peak memory, MB", *(f"{stage}, s" for stage in stages)]
    return _make_table(header, rows, "l" + "r" * (2 + len(stages)))


def _make_growth(found: Mapping[str, Results]) -> list[str]:
    base = ", ".join(f"{what} {value:,}" for what, value in growth.BASE.items())
    parts = [
        f"`train` on a CSV, with {base}, of which one grows: hidden layers have 32 units, "
        "batches 32 rows. Seconds and memory are those above importing TensorFlow. A slope of 1 "
        "means ten times as much for ten times as much work; fixed costs of a run lower the slope."
    ]
    rows, slopes = [], []
    for what in growth.SIZES:
        sizes, seconds, memory = list_growth(found, what)
        for size, s, mb in zip(sizes, seconds, memory, strict=True):
            rows.append([what, f"{size:,}", f"{s:.2f}", f"{mb:,.0f}"])
        if len(sizes) > 1:
            ends = [growth.find_slope(sizes[-2:], costs[-2:]) for costs in (seconds, memory)]
            over_all = [growth.find_slope(sizes, costs) for costs in (seconds, memory)]
            slopes.append([what, *(_write(v, ".2f") for v in (*over_all, *ends))])
    errors = {
        key: error
        for key in found["growth"].measurements
        if (error := found["growth"].find_error(key))
    }
    parts += [f"{key}: {error}" for key, error in errors.items()]
    header = ["grows", "time, all sizes", "memory, all sizes", "time, largest two"]
    parts.append(_make_table([*header, "memory, largest two"], slopes, "lrrrr"))
    parts.append(_make_table(["grows", "to", "s", "MB"], rows, "lrrr"))
    return parts


def _read_stage(stage: str) -> Callable[[Figures], float]:
    return lambda figures: figures["seconds"][stage]


def _find_stages(measurements: Iterable[Figures]) -> list[str]:
    """All stages that occur: ours in their order, then others."""
    seen = dict.fromkeys(stage for one in measurements for stage in one.get("seconds", ()))
    return [*(s for s in STAGES if s in seen), *(s for s in seen if s not in STAGES)]


def _write(value: float | None, form: str) -> str:
    return "–" if value is None or value != value else format(value, form)


def _make_table(header: Sequence[str], rows: Sequence[Sequence[str]], sides: str) -> str:
    marks = ["---" if side == "l" else "---:" for side in sides]
    lines = [header, marks, *rows]
    cells = [[cell.replace("|", "\\|") for cell in line] for line in lines]
    return "\n".join(f"| {' | '.join(line)} |" for line in cells)


_INTRODUCTION = """\
# Performance

`make bench` measures everything on this page and writes it, its tables and its pictures. Absolute
times depend on the machine. Ratios depend on it less: each is computed within one round, and the
median over rounds is given."""

_METHOD = """\
## How it is measured

- Unless the top of this page says "in one run", the workloads were measured at different times on
  one machine: compare figures within one table only.
- Each measurement runs in a process of its own. Rounds are interleaved: each contender runs once
  per round, and each round starts with another contender.
- All contenders train the same network on the same encoded rows, with the same optimizer, batch
  size and epochs. All score the validation rows after each epoch, except *the notes' own code*,
  which does not, and scikit-learn, which cannot. Similar test losses show that all trained the same
  network.
- *fit* is the training alone, including TensorFlow's tracing or XLA's compilation, but not imports,
  reading data, encoding rows or building the model.
- *TensorFlow's import* is a process that imports it as usual and ends. Ours imports it without
  garbage collection, and ends without freeing its objects, so small commands can take less.
- *memory* is the peak of the process minus its memory after the imports.
- Rows grow to 10 million with `make bench ARGS=--largest`.
- *the notes' own code* is `model.fit` on float64 arrays as the study notes prepare them, without
  progress bars.
- PyTorch *by hand* keeps the rows as tensors and takes batches by index; targets use its faster
  number of threads.
- The *bare* epochs are a lower bound: a whole epoch as one graph, without callbacks, metrics or
  Keras's loop.
- Most of an LSTM's time is TensorFlow's loop over its steps. XLA (`jit_compile=true`, fit 6.8 s)
  gains little on 7.3 s, and `unroll: true` takes 10.9 s. TensorFlow's fused kernel `BlockLSTMV2`,
  tried alone, takes 5.6 ms a batch, forward and back, where Keras's layer takes 11.8 (batch 64, 100
  steps, 32 units): about half of the fit is the floor on this stack. The kernel is not used, as
  its weights are laid out differently from those of Keras's layer, and it has no dropout.
- Outputs of a frozen pretrained model are computed once for all epochs: 10 epochs of a Dense layer
  on ResNet50, for 2,000 images of 64×64, took 9.3 s and plain Keras's `fit` 121.3 s (`python -m
  benchmarks.frozen_base`, one round, 2026-11-26, on a machine that was not quiet)."""
