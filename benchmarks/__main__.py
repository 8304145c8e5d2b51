"""Compares this project with hand-written training code: writes docs/performance.md.

    python -m benchmarks [--rounds 3] [--only boston fashion:notes,command] [--write-only]

Measurements are stored in benchmarks/results/. The page and its pictures are written from there, so
they include what was not measured this time.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from datetime import UTC, datetime

from benchmarks import results
from benchmarks.workloads import WORKLOADS, Options, measure_workload


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__.splitlines()[0]
    )
    parser.add_argument(
        "--rounds", type=int, default=3, help="runs of each contender (%(default)s)"
    )
    parser.add_argument(
        "--only",
        nargs="+",
        metavar="WORKLOAD[:CONTENDER,...]",
        default=list(WORKLOADS),
        help=f"some of: {', '.join(WORKLOADS)}",
    )
    parser.add_argument("--quick", action="store_true", help="only check that everything runs")
    parser.add_argument("--largest", action="store_true", help="let rows grow to 10 million")
    parser.add_argument("--write-only", action="store_true", help="measure nothing, write the page")
    parser.add_argument(
        "--torch-python",
        default=sys.executable,
        metavar="PYTHON",
        help="a Python with PyTorch and Lightning, which the extra 'bench' installs",
    )
    parsed = parser.parse_args(arguments)
    for wanted in parsed.only:
        if wanted.partition(":")[0] not in WORKLOADS:
            parser.error(f"There is no workload '{wanted}'. There are: {', '.join(WORKLOADS)}.")
    return parsed


def say(text: str) -> None:
    print(text, flush=True)


def main() -> None:
    """Measure, store the figures, write the page."""
    arguments = parse_arguments()
    options = Options(arguments.rounds, arguments.quick, arguments.largest, arguments.torch_python)
    run = datetime.now(UTC).isoformat()
    if not arguments.write_only:
        for wanted in arguments.only:
            name, _, contenders = wanted.partition(":")
            only = contenders.split(",") if contenders else []
            results.keep(name, {"run": run} | measure_workload(name, options, only, say))
    # Import Matplotlib only now: measured processes must not start from a large one.
    from benchmarks.page import PAGE, write_page
    from benchmarks.picture import draw

    found = results.load_all()
    write_page(found, draw(found))
    say(f"wrote {PAGE.relative_to(results.ROOT)}")


if __name__ == "__main__":
    main()
