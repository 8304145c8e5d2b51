"""YAML as YAML 1.2 means it, with places; nothing that is not a plain value."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from kerasrecipes.errors import RecipeError
from kerasrecipes.recipe.yaml_file import (
    KEY,
    MAX_NODES,
    Document,
    dump_yaml,
    parse_yaml,
    read_yaml,
    write_value,
)

TOO_LARGE = (
    f"A recipe has at most 1,000,000 characters, {MAX_NODES:,} keys and values, and 50 lists or "
    "mappings within each other."
)


def parse(text: str) -> Document:
    return parse_yaml(text, "f.yaml")


def complain(text: str) -> str:
    with pytest.raises(RecipeError) as caught:
        parse(text)
    return str(caught.value)


SCALARS: list[tuple[str, Any]] = [
    ("1", 1),
    ("-7", -7),
    ("+7", 7),
    ("012", 12),
    ("0o17", 15),
    ("0x1F", 31),
    ("1e-3", 0.001),
    ("1e3", 1000.0),
    ("3E+4", 30000.0),
    (".5", 0.5),
    ("1.", 1.0),
    ("-.5e1", -5.0),
    (".inf", math.inf),
    ("-.INF", -math.inf),
    ("true", True),
    ("True", True),
    ("FALSE", False),
    ("~", None),
    ("null", None),
    ("NULL", None),
    ("", None),
    ("on", "on"),
    ("off", "off"),
    ("yes", "yes"),
    ("no", "no"),
    ("y", "y"),
    ("tRUE", "tRUE"),
    ("1_000", "1_000"),
    ("12:30:45", "12:30:45"),
    ("2020-01-01", "2020-01-01"),
    ("-0x1F", "-0x1F"),
    ("0o8", "0o8"),
    ("1/x", "1/x"),
    ("=", "="),
    ("'1e-3'", "1e-3"),
    ('"true"', "true"),
    ("!!str 3", "3"),
    ("!!float 3", 3.0),
]


@pytest.mark.parametrize(("text", "value"), SCALARS)
def test_scalars_are_read_as_yaml_1_2_says(text: str, value: Any) -> None:
    read = parse(f"a: {text}").value["a"]
    assert read == value
    assert type(read) is type(value)


def test_nan_is_a_number() -> None:
    assert math.isnan(parse("a: .nan").value["a"])


@pytest.mark.parametrize(
    ("text", "number"),
    [("1/255", 1 / 255), ("1 / 255", 1 / 255), ("-1/2", -0.5), ("+3/4", 0.75), ("1.5/3", 0.5)],
)
def test_fractions_are_numbers(text: str, number: float) -> None:
    assert parse(f"a: {text}").value == {"a": number}


@pytest.mark.parametrize(
    ("number", "text"),
    [(1 / 255, "1/255"), (1 / 3, "1/3"), (0.5, "0.5"), (0.001, "0.001"), (1e-300, "1.0e-300")],
)
def test_numbers_are_written_as_fractions_where_these_are_shorter(number: float, text: str) -> None:
    assert dump_yaml({"a": number, "b": []}) == f"a: {text}\nb: []\n"
    assert parse(f"a: {text}").value == {"a": number}


@pytest.mark.parametrize("text", ["1/0", "0/0", "-1/0.0", f"1/0.{'0' * 400}1"])
def test_fractions_of_zero_are_texts(text: str) -> None:
    assert parse(f"a: {text}").value == {"a": text}


def test_every_key_and_value_knows_its_place() -> None:
    document = parse("a: 1\nb:\n  - c: {d: 2, e: [3, x]}\n  - f\n")
    places = {path: (place.line, place.column) for path, place in document.places.items()}
    keys = {path[:-1]: places.pop(path) for path in [*places] if path[-1:] == (KEY,)}
    assert places == {
        (): (1, 1),
        ("a",): (1, 4),
        ("b",): (3, 3),
        ("b", 0): (3, 5),
        ("b", 0, "c"): (3, 8),
        ("b", 0, "c", "d"): (3, 12),
        ("b", 0, "c", "e"): (3, 18),
        ("b", 0, "c", "e", 0): (3, 19),
        ("b", 0, "c", "e", 1): (3, 22),
        ("b", 1): (4, 5),
    }
    assert keys == {
        ("a",): (1, 1),
        ("b",): (2, 1),
        ("b", 0, "c"): (3, 5),
        ("b", 0, "c", "d"): (3, 9),
        ("b", 0, "c", "e"): (3, 15),
    }
    assert {place.file for place in document.places.values()} == {"f.yaml"}


def test_a_place_that_no_file_has_is_the_nearest_around_it() -> None:
    document = parse("a:\n  b: 1\n")
    assert document.locate(("a", "missing", 3)) == document.places[("a",)]
    assert str(parse("").locate(("a",))) == "f.yaml:1:1"


def test_keys_given_twice_are_all_reported_and_the_first_counts() -> None:
    document = parse("a: 1\nb: {c: 1, c: 2}\na: 3\nd:\n  - e: 1\n    e: 2\n")
    assert [str(problem) for problem in document.problems] == [
        "f.yaml:2:11  b.c\n  The key 'c' is given twice (first in line 2). Keep one of them.",
        "f.yaml:3:1  a\n  The key 'a' is given twice (first in line 1). Keep one of them.",
        "f.yaml:6:5  d[0].e\n  The key 'e' is given twice (first in line 5). Keep one of them.",
    ]
    assert document.value == {"a": 1, "b": {"c": 1}, "d": [{"e": 1}]}


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        ("!!python/object/apply:os.system ['true']", "!!python/object/apply:os.system"),
        ("!!python/tuple [1]", "!!python/tuple"),
        ("!!python/name:os.system", "!!python/name:os.system"),
        ("!<tag:yaml.org,2002:python/name:os.system> x", "!!python/name:os.system"),
        ("!!set {x}", "!!set"),
        ("!!binary aGk=", "!!binary"),
        ("!!bool yes", "!!bool"),
        ("!!null x", "!!null"),
        ("!!int x", "!!int"),
        ("!mine {x: 1}", "!mine"),
    ],
)
def test_tags_are_refused(text: str, tag: str) -> None:
    assert complain(f"a: {text}") == (
        "f.yaml:1:4  a\n"
        f"  A recipe contains plain values, no YAML tags (received: {tag}). Remove the tag."
    )


def test_aliases_repeat_a_value_without_sharing_it() -> None:
    value = parse("a: &x {b: [1]}\nc: *x\n").value
    value["a"]["b"].append(2)
    assert value["c"] == {"b": [1]}


def test_alias_bombs_stop_early() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 12)]
    began = time.perf_counter()
    message = complain("\n".join(lines))
    assert time.perf_counter() - began < 5
    assert message.endswith(TOO_LARGE)
    assert message.count("\n") == 1


def test_an_alias_may_not_contain_itself() -> None:
    assert complain("a: &x [1, *x]").endswith(TOO_LARGE)


def test_a_key_is_a_word_or_a_number() -> None:
    assert complain("? [a]\n: 1") == "f.yaml:1:3\n  A key must be a word or a number."
    assert parse("{0: 1.0, true: 2.0}").value == {"0": 1.0, "true": 2.0}


@pytest.mark.parametrize("text", ["[" * 900, "[" * 900 + "]" * 900, "{a: " * 5000])
def test_deep_nesting_is_refused(text: str) -> None:
    assert complain(text).endswith(TOO_LARGE)


def test_numbers_of_any_length_are_read() -> None:
    assert parse(f"a: {'9' * 5000}").value == {"a": math.inf}


COMMA = "A comma is missing before this place, or the bracket opened in line {} is not closed"
COLON = "A key is followed by a colon and a plain space: 'key: value'. Write this line like that."
MISFIT = (
    "This line does not fit the lines above. Lines of one list or mapping start in the same "
    "column, and each item of a list with '- '."
)
SYNTAX: list[tuple[str, str, str]] = [
    ("layers: [\n  Flatten,\n  Dense: {units: 3}\n  Dense: {units: 2}\n]", "4:3", COMMA.format(1)),
    ("a: {units: 3 activation: relu}", "1:24", COMMA.format(1)),
    ("a:\n  - {b: 1\n  - c: 2\n", "3:6", COMMA.format(2)),
    ("a: 1\nb: [1, 2\n", "3:1", COMMA.format(2)),
    ("a: 1\nloss:mse\nb: 2\n", "2:1", COLON),
    ("a: 1\nloss mse\n", "2:1", COLON),
    ("a: b: c", "1:5", "There is one ': ' too many in this line."),
    ("a:\n  - b\n   c: 1\n", "3:5", "There is one ': ' too many in this line."),
    ("a:\n  - b\n  c: 1\n", "3:3", MISFIT),
    ("a:\n    b: 1\n  c: 1\n", "3:3", MISFIT),
    ("a:\n\tb: 1\n", "2:1", "This line is indented with a tab. Indent with spaces."),
    ("a: 1\n---\nb: 2\n", "2:1", "This is not YAML: expected a single document in the stream, but"),
    ("a: 'b\nc: 1\n", "3:1", "This is not YAML: while scanning a quoted scalar, found unexpected"),
    ("a: *b", "1:4", "This is not YAML: found undefined alias 'b'."),
    ("a: @b", "1:4", "This is not YAML: while scanning for the next token, found character '@'"),
    ("a: ]", "1:4", "This is not YAML: while parsing a block node, expected the node content"),
    ("a: 1\nb: \x07", "2", "The character '\\x07' is not allowed here. Remove it."),
]


@pytest.mark.reliability("bad input")
@pytest.mark.parametrize(("text", "place", "message"), SYNTAX)
def test_slips_of_the_pen_name_line_and_remedy(text: str, place: str, message: str) -> None:
    assert complain(text).startswith(f"f.yaml:{place}\n  {message}")


class TestFiles:
    def test_a_byte_order_mark_is_skipped(self, tmp_path: Path) -> None:
        file = tmp_path / "a.yaml"
        file.write_bytes(b"\xef\xbb\xbfa: 1\r\nb: \xed\x8c\xa8\r\n")
        document = read_yaml(file)
        assert document.value == {"a": 1, "b": "패"}
        assert str(document.places["a", KEY]) == f"{file}:1:1"

    def test_other_encodings_are_refused(self, tmp_path: Path) -> None:
        file = tmp_path / "a.yaml"
        file.write_bytes("a: 1\nb: é\n".encode("latin-1"))
        with pytest.raises(RecipeError) as caught:
            read_yaml(file)
        assert str(caught.value) == (
            f"{file}\n  Line 2 is not UTF-8 text. Save the file with the encoding UTF-8."
        )

    def test_a_missing_file_is_guessed(self, tmp_path: Path) -> None:
        (tmp_path / "boston.yaml").touch()
        with pytest.raises(RecipeError) as caught:
            read_yaml(tmp_path / "bostn.yaml")
        assert str(caught.value) == (
            f"{tmp_path}/bostn.yaml\n  There is no such file. Did you mean 'boston.yaml'?"
        )

    def test_a_file_in_the_same_folder_is_no_guess(self, tmp_path: Path) -> None:
        (tmp_path / "boston.yaml").touch()
        with pytest.raises(RecipeError, match=r"Choose from: boston.yaml"):
            read_yaml(tmp_path / "iris.yaml")

    def test_a_missing_folder_has_no_guess(self, tmp_path: Path) -> None:
        with pytest.raises(RecipeError, match=r"There is no such file\.$"):
            read_yaml(tmp_path / "nowhere" / "a.yaml")

    def test_a_folder_is_no_recipe(self, tmp_path: Path) -> None:
        with pytest.raises(RecipeError, match="This is a folder"):
            read_yaml(tmp_path)


ODD_WORDS = ["on", "no", "1e-3", "1/255", "null", "~", "", "true", "0o7", ".inf", "a: b", "#x", "=",
             "- x", "<<", "!x", "*x", "&x", "1_0", " x ", "\t", "x\n", "\ufeff", "\x85",
             "\u2028"]  # fmt: skip
words = st.one_of(
    st.sampled_from(ODD_WORDS), st.text(st.characters(exclude_categories=("Cs", "Cc")))
)
numbers = st.one_of(
    st.integers(),
    st.floats(allow_nan=False),
    st.integers(1).map(lambda below: 1 / below),
)
plain = st.recursive(
    st.one_of(st.none(), st.booleans(), numbers, words),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words, inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=100, deadline=None)
@given(plain)
def test_what_is_written_is_read_back(value: Any) -> None:
    read = parse(dump_yaml(value)).value
    assert read == value
    assert repr(read) == repr(value)  # 1 is not 1.0, nor True; a fraction stays one


def test_nan_is_read_back() -> None:
    assert math.isnan(parse(dump_yaml([math.nan])).value[0])


def test_what_stands_twice_is_written_twice() -> None:
    inner = {"a": [1, 2]}
    assert "&" not in dump_yaml([inner, inner])


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "nothing"),
        (True, "true"),
        ("on", "'on'"),
        (1 / 255, "1/255"),
        ({"AUC": {"curve": "PR", "k": None}}, "{AUC: {curve: PR, k: null}}"),
        ([1] * 99, f"[{'1, ' * 19}1…"),
    ],
)
def test_messages_show_values_as_a_recipe_holds_them(value: Any, text: str) -> None:
    assert write_value(value) == text


def test_pyyaml_itself_is_left_as_it_was() -> None:
    parse("a: 1/255")
    dump_yaml({"a": 1 / 255})
    assert yaml.safe_load("a: on") == {"a": True}
    assert yaml.safe_load("a: 1e-3") == {"a": "1e-3"}
    assert yaml.safe_load("a: 1/255") == {"a": "1/255"}
    assert yaml.safe_load("a: 1\na: 2") == {"a": 2}
    assert yaml.safe_dump({"a": "on", "b": "1/255"}) == "a: 'on'\nb: 1/255\n"
    assert yaml.safe_dump(1 / 255) == "0.00392156862745098\n...\n"
