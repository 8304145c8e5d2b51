"""Measures this project against what people would write themselves: docs/performance.md.

    python -m benchmarks [--rounds 3] [--only boston fashion:notes,command] [--write-only]

Every measurement is kept in benchmarks/results/, from which the page and its pictures are written;
what was not measured this time is taken from there.
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
        "--rounds", type=int, default=3, help="turns of each contender (%(default)s)"
    )
    parser.add_argument(
        "--only",
        nargs="+",
        metavar="WORKLOAD[:CONTENDER,...]",
        default=list(WORKLOADS),
        help=f"some of: {', '.join(WORKLOADS)}",
    )
    parser.add_argument("--quick", action="store_true", help="see that all of it runs, in minutes")
    parser.add_argument("--largest", action="store_true", help="let rows grow to 10 million")
    parser.add_argument("--write-only", action="store_true", help="measure nothing, write the page")
    parser.add_argument(
        "--torch-python",
        default=sys.executable,
        metavar="PYTHON",
        help="a Python that has PyTorch and Lightning; else this one, with the extra 'bench'",
    )
    parsed = parser.parse_args(arguments)
    for wanted in parsed.only:
        if wanted.partition(":")[0] not in WORKLOADS:
            parser.error(f"There is no workload '{wanted}'. There are: {', '.join(WORKLOADS)}.")
    return parsed


def say(text: str) -> None:
    print(text, flush=True)


def main() -> None:
    """Measure, keep, write."""
    arguments = parse_arguments()
    options = Options(arguments.rounds, arguments.quick, arguments.largest, arguments.torch_python)
    run = datetime.now(UTC).isoformat()
    if not arguments.write_only:
        for wanted in arguments.only:
            name, _, contenders = wanted.partition(":")
            only = contenders.split(",") if contenders else []
            results.keep(name, {"run": run} | measure_workload(name, options, only, say))
    # Matplotlib comes in only now: what is measured must not begin in a large process.
    from benchmarks.page import PAGE, write_page
    from benchmarks.picture import draw

    found = results.load_all()
    write_page(found, draw(found))
    say(f"wrote {PAGE.relative_to(results.ROOT)}")


if __name__ == "__main__":
    main()
