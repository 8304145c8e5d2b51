"""The targets of docs/performance.md, and whether they are met."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from benchmarks.growth import SIZES, find_slope
from benchmarks.results import Results, read_fit, read_peak, read_wall

All = Mapping[str, Results]


@dataclass(frozen=True)
class Target:
    """A figure with a limit.

    Attributes:
        key: Under which ``reasons.yaml`` says why it is missed.
        words: What is measured.
        limit: The figure may not be above it, or below it where ``is_least``.
        find: The figure, or None where it was not measured.
    """

    key: str
    words: str
    limit: float
    find: Callable[[All], float | None]
    unit: str = "×"
    is_least: bool = False

    def is_met(self, figure: float) -> bool:
        return figure >= self.limit if self.is_least else figure <= self.limit

    def tell_by_how_much(self, figure: float) -> str:
        """Say "met", or by what share of the limit it is missed."""
        if self.is_met(figure):
            return "met"
        share = abs(figure - self.limit) / self.limit
        return f"**missed by {share:.0%}**"


def find_speedup(found: All, name: str, other: str) -> float | None:
    """The time of another's ``fit`` divided by ours, in the same round."""
    return found[name].find_ratio(other, "command", read_fit) if name in found else None


def compare_with_faster(found: All, name: str) -> float | None:
    """Our ``fit`` as a share of the faster one of plain Keras's and the PyTorch loop's."""
    if name not in found:
        return None
    fastest = found[name].find_fastest(("keras", "torch_1", "torch_2"), read_fit)
    return fastest and found[name].find_ratio("command", fastest, read_fit)


def compare_with_torch(found: All, name: str) -> float | None:
    """Our ``fit`` as a share of the PyTorch loop's at its best number of threads."""
    if name not in found:
        return None
    fastest = found[name].find_fastest(("torch_1", "torch_2"), read_fit)
    return fastest and found[name].find_ratio("command", fastest, read_fit)


def compare_memory(found: All) -> float | None:
    """Our peak memory above imports, as a share of the notes'."""
    if "fashion" not in found:
        return None
    return found["fashion"].find_ratio("ours", "notes", lambda f: f["peak_above_import_mb"])


def find_overhead(found: All) -> float | None:
    """The largest time in seconds that the command takes outside importing and fitting."""
    overheads = []
    for name in ("boston", "fashion"):
        if name in found:
            wall = found[name].find_median("command", read_wall)
            fit = found[name].find_median("command", read_fit)
            imported = found[name].find_median("import", read_wall)
            if wall and fit and imported:
                overheads.append(wall - fit - imported)
    return max(overheads, default=None)


def find_startup(found: All, command: str) -> float | None:
    return found["startup"].find_median(command, read_wall) if "startup" in found else None


def compare_prediction(found: All) -> float | None:
    """Rows per second of ``predict``, as a multiple of pandas and ``model.predict``.

    Of the plain way, only reading and predicting count; of ours, the whole process, with
    TensorFlow's import.
    """
    if "predict" not in found:
        return None
    ours = found["predict"].find_median("command", read_wall)
    plain = found["predict"].find_median(
        "plain", lambda f: f["seconds"]["read"] + f["seconds"]["predict"]
    )
    return plain / ours if ours and plain else None


def find_extra_memory(found: All, name: str) -> float | None:
    """Peak memory of a command above importing TensorFlow, in GB."""
    if name not in found:
        return None
    ours, imported = (found[name].find_median(key, read_peak) for key in ("command", "import"))
    return (ours - imported) * 2**20 / 1e9 if ours and imported else None


def list_growth(found: All, what: str) -> tuple[list[int], list[float], list[float]]:
    """Sizes, seconds and MB of a growth series, without the cost of importing TensorFlow."""
    if "growth" not in found:
        return [], [], []
    results = found["growth"]
    import_s = results.find_median("import", read_wall) or 0.0
    import_mb = results.find_median("import", read_peak) or 0.0
    sizes, seconds, memory = [], [], []
    for size in sorted({*SIZES[what], 10_000_000}):
        key = f"{what}={size}"
        wall = results.find_median(key, read_wall)
        peak = results.find_median(key, read_peak)
        if wall is not None and peak is not None:
            sizes.append(size)
            seconds.append(wall - import_s)
            memory.append(peak - import_mb)
    return sizes, seconds, memory


def find_last_slope(found: All, what: str) -> float | None:
    """The slope of time over size, both as logarithms, between the two largest sizes."""
    sizes, seconds, _ = list_growth(found, what)
    if len(sizes) < 2:
        return None
    slope = find_slope(sizes[-2:], seconds[-2:])
    return None if slope != slope else slope


TARGETS = (
    Target(
        "boston_notes",
        "Boston: the notes' fit / our fit",
        7,
        lambda found: find_speedup(found, "boston", "notes"),
        is_least=True,
    ),
    Target(
        "boston_torch",
        "Boston: our fit / PyTorch by hand, at its best thread count",
        1.2,
        lambda found: compare_with_torch(found, "boston"),
    ),
    Target(
        "fashion_notes",
        "Fashion-MNIST: the notes' fit / our fit",
        4,
        lambda found: find_speedup(found, "fashion", "notes"),
        is_least=True,
    ),
    Target(
        "fashion_torch",
        "Fashion-MNIST: our fit / PyTorch by hand, at its best thread count",
        0.9,
        lambda found: compare_with_torch(found, "fashion"),
    ),
    Target(
        "fashion_memory",
        "Fashion-MNIST: our peak memory / the notes', both above imports",
        0.5,
        compare_memory,
    ),
    Target(
        "conv",
        "Convolutional network: our fit / the faster of plain Keras and PyTorch",
        1,
        lambda found: compare_with_faster(found, "conv"),
    ),
    Target(
        "lstm",
        "LSTM: plain Keras's fit / our fit",
        1,
        lambda found: find_speedup(found, "lstm", "keras"),
        is_least=True,
    ),
    Target("overhead", "`train` − (TensorFlow's import + fit)", 3, find_overhead, " s"),
    Target("help", "`--help`", 0.4, lambda found: find_startup(found, "--help"), " s"),
    Target(
        "validate",
        "`validate` of every shipped recipe",
        1,
        lambda found: find_startup(found, "validate"),
        " s",
    ),
    Target(
        "predict_speed",
        "`predict` of a million rows: rows a second / those of pandas and model.predict",
        3,
        compare_prediction,
        is_least=True,
    ),
    Target(
        "predict_memory",
        "`predict` of a million rows: peak memory above TensorFlow's import",
        1.5,
        lambda found: find_extra_memory(found, "predict"),
        " GB",
    ),
    Target(
        "table_memory",
        "`train` on 1,000,000 × 50: peak memory above TensorFlow's import",
        1.5,
        lambda found: find_extra_memory(found, "table"),
        " GB",
    ),
    Target(
        "rows_slope",
        "Time over rows, slope at the largest size",
        1.1,
        lambda found: find_last_slope(found, "rows"),
        "",
    ),
)
