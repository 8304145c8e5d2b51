"""The English and the Korean README show the same code, links and pictures; the design is true."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ENGLISH, KOREAN = (
    (ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "README.ko.md")
)


@pytest.mark.parametrize(
    "pattern",
    [
        pytest.param(r"^```.*?^```$", id="code blocks"),
        pytest.param(r"^(#+) ", id="levels of headings"),
        pytest.param(r"^\| (`[^|]+`) \|", id="first cells of tables"),
        pytest.param(r"\]\(((?!README)[^)]+)\)", id="links"),
    ],
)
def test_both_have_the_same(pattern: str) -> None:
    english, korean = (re.findall(pattern, text, re.M | re.S) for text in (ENGLISH, KOREAN))
    assert english
    assert english == korean


def test_each_links_to_the_other_and_to_files_that_exist() -> None:
    assert "(README.ko.md)" in ENGLISH
    assert "(README.md)" in KOREAN
    links = re.findall(r"\]\(([^)#]+)", ENGLISH)
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_the_packages_of_the_design_are_in_the_order_that_imports_are_checked_by() -> None:
    """In ``pyproject.toml`` the highest layer is first, and layers may share a line."""
    design = (ROOT / "docs" / "design.md").read_text(encoding="utf-8")
    table = design.split("| package | task |")[1].split("\n\n")[0]
    named = re.findall(r"^\| `(\w+)(?:\.py|/)` \|", table, re.MULTILINE)
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = settings["tool"]["importlinter"]["contracts"]
    (layers,) = (each["layers"] for each in contracts if each["type"] == "layers")
    groups = [re.findall(r"kerasrecipes\.(\w+)", layer) for layer in reversed(layers)]
    places = [next(i for i, group in enumerate(groups) if name in group) for name in named]
    assert sorted(named) == sorted(name for group in groups for name in group)
    assert places == sorted(places)
