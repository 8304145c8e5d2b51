"""Writes docs/reliability.md from the outcome of the tests that are marked "reliability".

python -m pytest -p tests.reliability.page -m reliability --reliability-page docs/reliability.md
"""

from __future__ import annotations

import platform
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import pytest

KINDS = {
    "kill": ("Kills with SIGKILL, each followed by a resume", "ended bit for bit like a whole run"),
    "fault": ("Faults: signals, full disks, damaged runs, several processes", "handled"),
    "bad input": ("Broken recipes and data files", "refused with the expected message"),
    "fuzz": ("Mutated recipes and tables", "read, or refused with a message"),
    "hostile": ("Hostile files and names", "refused, or shown as plain text"),
}
HEAD = """# Reliability

`make reliability` runs the tests of this page and writes it. Each figure counts cases of tests;
a test that fails counts its cases as tried only.

| what | tried | as promised | |
| --- | ---: | ---: | --- |
"""
OVERHEAD = """
## What checkpoints cost

The time for which training waits for checkpoints, at the default interval of a minute; the end of a
fit writes one, too. Writing goes on beside training.

| workload | fit, s | checkpoints | waited, s | share of fit |
| --- | ---: | ---: | ---: | ---: |
"""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--reliability-page", type=Path, help="where to write the page")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    report = yield
    marker = item.get_closest_marker("reliability")
    if marker and report.when == "call":
        report.user_properties.append(("reliability", marker.args[0]))
    return report


def pytest_terminal_summary(terminalreporter, config: pytest.Config) -> None:
    file = config.getoption("reliability_page")
    if file is None:
        return
    tried, kept, overheads = Counter[str](), Counter[str](), []
    for outcome in ("passed", "failed"):
        for report in terminalreporter.stats.get(outcome, ()):
            facts = dict(report.user_properties)
            kind, n_cases = facts.get("reliability", ""), int(facts.get("cases", 1))
            tried[kind] += n_cases
            kept[kind] += n_cases if outcome == "passed" else 0
            if "overhead" in facts:
                overheads.append(facts["overhead"])
    rows = [
        f"| {what} | {tried[kind]:,} | {kept[kind]:,} | {promise} |\n"
        for kind, (what, promise) in KINDS.items()
    ]
    versions = ", ".join(f"{name} {version(name)}" for name in ("keras", "tensorflow", "numpy"))
    foot = (
        f"\nMeasured on {datetime.now(UTC):%Y-%m-%d}: {platform.system()}, Python "
        f"{platform.python_version()}, {versions}.\n"
    )
    page = HEAD + "".join(rows) + OVERHEAD + "".join(sorted(overheads)) + foot
    file.write_text(page, encoding="utf-8")
    terminalreporter.write_line(f"wrote {file}")
