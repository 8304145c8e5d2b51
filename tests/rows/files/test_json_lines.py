from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from kerasrecipes.rows.files import arrow

from .reading import find_problems, find_problems_of_pieces, open_source, read, read_pieces, write


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrow, "_BLOCK_BYTES", 100)


@pytest.mark.parametrize(
    "content",
    [
        '{"a": 1, "b": "x"}\n{"a": 2.5, "b": null}\n',
        '{"a": 1, "b": "x"}\r\n\r\n{"a": 2.5}',
        '{"a": 1, "b": "x"} {"b": null, "a": 2.5}',
        '[{"a": 1, "b": "x"},\n {"a": 2.5, "b": null}]',
        '\ufeff\n{"a": 1, "b": "x"}\n{"a": 2.5}\n',
        '{\n  "a": 1,\n  "b": "x"\n}\n{\n  "a": 2.5\n}\n',
    ],
)
@pytest.mark.parametrize("name", ["data.jsonl", "data.ndjson", "data.json"])
def test_objects_are_rows(tmp_path: Path, name: str, content: str) -> None:
    path = write(tmp_path / name, content)
    expected = {"a": [1.0, 2.5], "b": ["x", None]}
    assert read(path) == expected
    for source in (path, content.encode(), gzip.compress(content.encode(), mtime=0)):
        assert read_pieces(source, ["a", "b"], ["a"]) == expected


def test_a_row_may_contain_a_list_of_objects(tmp_path: Path) -> None:
    row = '{"a": 1, "b": [{"c": 2}]}'
    # The last line is a block of its own.
    path = write(tmp_path / "data.jsonl", f"{row}\n{row}\n{row}")
    assert read(path)["a"] == [1, 1, 1]
    assert read_pieces(row.encode(), ["a"], ["a"])["a"] == [1]


def test_text_is_text_whatever_it_looks_like(tmp_path: Path) -> None:
    """As in CSV: whether it is a date, the column's kind decides."""
    content = '{"a": "2024-01-01", "b": "7"}\n{"a": "2024-01-02T10:00:00", "b": "x"}\n'
    table = open_source(write(tmp_path / "data.jsonl", content)).read()
    assert table.to_pydict() == {"a": ["2024-01-01", "2024-01-02T10:00:00"], "b": ["7", "x"]}


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [
        ("1", "2.5", [1.0, 2.5]),
        ('"2024-01-01"', '"soon"', ["2024-01-01", "soon"]),
        ("null", '"x"', [None, "x"]),
        ("1", "null", [1, None]),
        ("1", "12345678901234567890", [1.0, 1.2345678901234567e19]),
    ],
)
def test_blocks_agree_on_types(
    tmp_path: Path, first: str, last: str, expected: list[object]
) -> None:
    content = f'{{"a": {first}}}\n' * 50 + f'{{"a": {last}}}\n'
    path = write(tmp_path / "data.jsonl", content)
    values = read(path)["a"]
    assert len(values) == 51
    assert [values[0], values[-1]] == expected
    for source in (path, content.encode()):
        assert read_pieces(source, ["a"])["a"] == values


@pytest.mark.usefixtures("small_blocks")
def test_a_name_may_begin_late(tmp_path: Path) -> None:
    path = write(tmp_path / "data.jsonl", '{"a": 1}\n' * 50 + '{"a": 2, "b": "x"}\n')
    assert read(path) == {"a": [1] * 50 + [2], "b": [None] * 50 + ["x"]}


@pytest.mark.usefixtures("small_blocks")
def test_a_name_may_end_early(tmp_path: Path) -> None:
    """Many programs leave out what a row has no value for."""
    path = write(tmp_path / "data.jsonl", '{"a": 2, "b": "x"}\n' + '{"a": 1}\n' * 50)
    expected = {"a": [2] + [1] * 50, "b": ["x"] + [None] * 50}
    assert read(path) == expected
    assert read_pieces(path, ["a", "b"]) == expected


@pytest.mark.usefixtures("small_blocks")
def test_a_type_that_changes_between_blocks(tmp_path: Path) -> None:
    path = write(tmp_path / "data.jsonl", '{"a": 11}\n' * 20 + '{"a": "x"}\n' * 20)
    assert find_problems(path) == [
        "line 21 cannot be read: 'a' is of type string, and of type number in a row above. "
        "Correct or remove it."
    ]


@pytest.mark.usefixtures("small_blocks")
def test_lines_count_over_the_whole_file(tmp_path: Path) -> None:
    path = write(tmp_path / "data.jsonl", '{"x": 1}\n' * 300 + '{"x": \n')
    problem = (
        'line 301 is no JSON: Expecting value, at column 7. Write a row as {"name": value, …}.'
    )
    assert find_problems(path) == [problem]
    assert find_problems_of_pieces(path, ["x"]) == [problem]


NOT_AN_OBJECT = 'must contain an object (received: {}). Write a row as {{"name": value, …}}.'


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (
            '{"a": 1}\n{"a": "x"}\n',
            "line 2 cannot be read: 'a' is of type string, and of type number in a row above. "
            "Correct or remove it.",
        ),
        (
            '{"a": true}\n{"a": 1}\n',
            "line 2 cannot be read: 'a' is of type number, and of type boolean in a row above. "
            "Correct or remove it.",
        ),
        (
            '{"a": 1}\n\n{"a": \n',
            'line 3 is no JSON: Expecting value, at column 7. Write a row as {"name": value, …}.',
        ),
        ('{"a": 1}\n5\n', f"line 2 {NOT_AN_OBJECT.format('5')}"),
        ('"x"', "line 1 " + NOT_AN_OBJECT.format('"x"')),
        ("null", f"line 1 {NOT_AN_OBJECT.format('null')}"),
        (
            "[[1, 2]]",
            f"row 1 {NOT_AN_OBJECT.format('[1, 2]')}",
        ),
        ("[]", "the file contains an array without rows. Add rows."),
        ('[{"a": 1},\n {"a": }]', "line 2 is no JSON: Expecting value, at column 8."),
        ('[{"a": 1}', "line 1 is no JSON: Expecting ',' delimiter, at column 10."),
        (" \n", "the file is empty. It must contain a JSON object on each line."),
    ],
)
def test_what_is_no_row(tmp_path: Path, content: str, problem: str) -> None:
    path = write(tmp_path / "data.json", content)
    assert find_problems(path) == [problem]
    assert find_problems_of_pieces(path, ["a"]) == [problem]


def test_an_object_on_several_lines_is_one_row(tmp_path: Path) -> None:
    path = write(tmp_path / "data.json", '{\n "a": 1,\n "b": [{"c": 2}]\n}\n')
    assert read_pieces(path, ["a"], ["a"])["a"] == [1]
    assert read(write(path, '{\n "a": 1,\n "b": 2\n}\n')) == {"a": [1], "b": [2]}


def test_some_bad_lines_are_enough(tmp_path: Path) -> None:
    path = write(tmp_path / "data.jsonl", '{"a": 1}\n' + "x\n" * 9)
    assert [problem.split(" is ")[0] for problem in find_problems(path)] == [
        "line 2", "line 3", "line 4", "line 5", "line 6",
    ]  # fmt: skip


def test_arrays_within_arrays_without_end(tmp_path: Path) -> None:
    path = write(tmp_path / "data.json", "[" * 100_000)
    assert find_problems(path) == [
        "the file has too many arrays or objects within each other. Write a row as "
        '{"name": value, …}.'
    ]
