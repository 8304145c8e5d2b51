from __future__ import annotations

import codecs
from pathlib import Path
from typing import Any

import pytest

from .reading import Source, find_problems, read, read_pieces, write

NAMES = "a,b\nMüller,1\n"
REMEDY = "dataset.csv.encoding (predict, evaluate: --encoding), or save it as UTF-8."


@pytest.mark.parametrize("is_stream", [False, True])
@pytest.mark.parametrize(
    ("content", "told"),
    [
        (NAMES.encode(), None),
        (NAMES.encode("utf-8-sig"), None),
        (NAMES.encode("utf-16"), None),
        (codecs.BOM_UTF16_BE + NAMES.encode("utf-16-be"), None),
        (NAMES.encode("utf-32"), None),
        (NAMES.encode("utf-16-le"), "utf-16-le"),
        (NAMES.encode("cp1252"), "cp1252"),
        (NAMES.encode("cp1252"), "latin_1"),
        (NAMES.encode(), "cp1252"),
        (NAMES.encode(), "ascii"),
        (NAMES.encode("utf-8-sig"), "cp1252"),
    ],
)
def test_text_is_read_in_its_encoding(
    tmp_path: Path, content: bytes, told: str | None, is_stream: bool
) -> None:
    """Bytes beyond ASCII that are UTF-8 are UTF-8, whatever the recipe says."""
    keys: dict[str, Any] = {"csv": {"encoding": told}} if told else {}
    source: Source = content if is_stream else write(tmp_path / "data.csv", content)
    assert read_pieces(source, ["a", "b"], ["b"], **keys)["a"] == ["Müller"]
    if not is_stream:
        assert read(source, **keys) == {"a": ["Müller"], "b": [1]}


@pytest.mark.parametrize("encoding", ["cp1252", "cp949", "utf-16"])
def test_characters_of_several_bytes_are_cut_nowhere(tmp_path: Path, encoding: str) -> None:
    """The file is decoded in blocks, which end anywhere."""
    word = "한" if encoding == "cp949" else "é"
    n = 200_000  # more than a block
    content = "a,b\n" + f"x{word}{word},1\n" * n
    path = write(tmp_path / "data.csv", content.encode(encoding))
    keys = {} if encoding == "utf-16" else {"csv": {"encoding": encoding}}
    assert set(read(path, **keys)["a"]) == {f"x{word}{word}"}


def test_the_message_shows_the_text_around_the_byte(tmp_path: Path) -> None:
    path = write(tmp_path / "data.csv", "이름,b\n홍길동,2\n".encode("cp949"))
    assert find_problems(path) == [
        "the file must be utf-8 (received: 0xc0 in line 1, at byte 0 of the file). There cp949 "
        "reads '이름,b', cp932 reads 'ﾀﾌｸｧ,b', gb18030 reads '捞抚,b', cp1252 reads 'ÀÌ¸§,b'. Name "
        f"the file's encoding in {REMEDY}"
    ]
    left, right = "before " * 5, " after" * 5
    write(path, f"a,b\n1,{left}é{right}\n".encode("cp1252"))
    assert "cp1252 reads 'fore before é after af'" in find_problems(path)[0]


def test_a_byte_deep_in_a_file(tmp_path: Path) -> None:
    content = b"a,b\n" + b"1,2\n" * 400_000 + "1,é\n".encode("cp1252")
    problem = (
        "the file must be utf-8 (received: 0xe9 in line 400002, at byte 1600006 of the file). "
        "There cp1252 reads '1,é'. Name the file's encoding in "
        f"{REMEDY}"
    )
    assert find_problems(write(tmp_path / "data.csv", content)) == [problem]
    assert find_problems(content) == [problem]


@pytest.mark.parametrize(
    ("content", "told", "problem"),
    [
        (
            NAMES.encode("cp1252"),
            "cp949",
            "the file must be cp949 (received: 0xfc in line 2, at byte 5 of the file). There "
            "gb18030 reads 'M黮ler,1', cp1252 reads 'Müller,1'. Name the file's encoding in "
            f"{REMEDY}",
        ),
        (
            NAMES.encode(),
            "cp94",
            "csv.encoding: Python has no encoding of this name (received: 'cp94'). Usual "
            "ones: utf-8, cp949, cp1252.",
        ),
        (
            NAMES.encode("utf-16-le"),
            "utf-16",
            "the file must be utf-16 (received: 0x61 in line 1, at byte 0 of the file). Name the "
            f"file's encoding in {REMEDY}",
        ),
        (
            NAMES.encode(),
            "base64",
            "csv.encoding: Python has no encoding of this name (received: 'base64'). Usual "
            "ones: utf-8, cp949, cp1252.",
        ),
        (
            NAMES.encode("utf-16-le"),
            None,
            "the file must be text (received: a zero byte at byte 1). Was it renamed? If it is "
            "UTF-16, set dataset.csv.encoding: utf-16-le.",
        ),
    ],
)
def test_bytes_that_do_not_fit(
    tmp_path: Path, content: bytes, told: str | None, problem: str
) -> None:
    keys: dict[str, Any] = {"csv": {"encoding": told}} if told else {}
    assert find_problems(write(tmp_path / "data.csv", content), **keys) == [problem]


def test_json_is_utf_8(tmp_path: Path) -> None:
    path = write(tmp_path / "data.jsonl", '{"a": "é"}\n'.encode("cp1252"))
    assert find_problems(path) == [
        "the file must be utf-8 (received: 0xe9 in line 1, at byte 7 of the file). Save it as "
        "UTF-8."
    ]
    assert read(write(path, '\ufeff{"a": "é"}\n')) == {"a": ["é"]}
    assert read(write(tmp_path / "data.csv", "\ufeff\ufeffa,b\n1,2\n")) == {"a": [1], "b": [2]}
