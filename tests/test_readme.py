"""The English and the Korean README show the same code, links and pictures."""

from __future__ import annotations

import re
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
