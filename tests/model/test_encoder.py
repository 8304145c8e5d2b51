"""Raw rows to what the layers see: what each word means, learnt from the training rows alone."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from sklearn.impute import MissingIndicator, SimpleImputer
from sklearn.preprocessing import StandardScaler

from kerasrecipes.memory import make_aligned
from kerasrecipes.model import encoder as encoder_module
from kerasrecipes.model.built import build
from kerasrecipes.model.encoder import ROWS_AT_ONCE, Encoder, fit_encoder
from kerasrecipes.recipe.components import FEATURES
from kerasrecipes.recipe.schema import DatasetSpec
from kerasrecipes.rows import Column, Dataset, Part
from kerasrecipes.rows.dataset import Inputs
from kerasrecipes.rows.kinds import group_inputs, make_column
from rows.specs import load_dataset

RNG = np.random.default_rng(0)
NAN = float("nan")


def column(name: str, word: str = "float_normalized", *parts: str, **arguments: Any) -> Column:
    """A column as the recipe's word takes it."""
    return make_column(name, word, FEATURES[word] | arguments, parts)


def make_inputs(columns: list[Column], rows: dict[str, Any]) -> dict[str, Any]:
    kinds = {name: c.kind for c in columns for name in c.inputs}
    return {
        name: np.array(values, object if kinds[name] == "category" else np.float32)
        for name, values in rows.items()
    }


def make_part(inputs: Inputs) -> Part:
    n_rows = len(next(iter(inputs.values())) if isinstance(inputs, dict) else inputs)
    return Part(inputs, np.zeros(n_rows, np.float32), np.arange(n_rows))


def make_dataset(columns: list[Column], train: Inputs, **parts: Inputs) -> Dataset:
    made = {name: make_part(inputs) for name, inputs in {"train": train, **parts}.items()}
    return Dataset(
        name="some",
        parts=made,
        task="regression",
        target_names=("y",),
        fingerprint="0",
        columns=tuple(columns),
    )


def fit(columns: list[Column], rows: dict[str, Any], **keys: Any) -> Encoder:
    """Fit an encoder to a table whose columns are taken as they say."""
    spec = DatasetSpec.model_validate({"path": "some.csv", **keys})
    return fit_encoder(make_dataset(columns, make_inputs(columns, rows)), spec)


def encode(
    columns: list[Column], rows: dict[str, Any], other: dict[str, Any] | None = None, **keys: Any
) -> np.ndarray:
    """Fit to rows, and encode these or other ones."""
    return fit(columns, rows, **keys).encode(make_inputs(columns, other or rows))


def encode_one(made: Column, values: Any, other: Any = None, **keys: Any) -> np.ndarray:
    """Fit to a table of one column, and encode its values or other ones."""
    rows = {made.name: values}
    return encode([made], rows, rows if other is None else {made.name: other}, **keys)


class TestNumbers:
    def test_float_passes_unchanged(self) -> None:
        values = [[0.1], [-3e8], [1e-30], [7.0]]
        encoded = encode_one(column("a", "float"), np.ravel(values))
        np.testing.assert_array_equal(encoded, np.float32(values))

    def test_float_normalized_is_sklearns_standard_scaler(self) -> None:
        values = RNG.normal(50, 9, (40, 3)).astype(np.float32)
        columns = [column(name) for name in "abc"]
        encoded = encode(columns, dict(zip("abc", values.T, strict=True)))
        assert encoded.dtype == np.float32
        expected = StandardScaler().fit_transform(values.astype(float))
        np.testing.assert_allclose(encoded, expected, rtol=1e-5, atol=1e-5)

    @pytest.mark.parametrize(
        ("scale", "offset"),
        [(2.0, 0.0), (1 / 255, 0.0), (0.5, -3.0), (1, 7), (1e-12, 1.0), (1e9, 0.0), (-2.0, 1.0)],
    )
    def test_float_rescaled_is_x_times_scale_plus_offset(self, scale: float, offset: float) -> None:
        made = column("a", "float_rescaled", scale=scale, offset=offset)
        values = np.float32([0, 1, 255, -4])
        expected = values[:, None] * scale + offset
        np.testing.assert_allclose(encode_one(made, values), expected, rtol=1e-5, atol=1e-6)

    @pytest.mark.parametrize("n_bins", [2, 4, 10])
    def test_float_discretized_puts_equally_many_rows_in_each_bin(self, n_bins: int) -> None:
        values = RNG.exponential(size=200).astype(np.float32)
        encoded = encode_one(column("a", "float_discretized", num_bins=n_bins), values)
        assert encoded.shape == (200, n_bins)
        assert encoded.sum(axis=0).tolist() == [200 / n_bins] * n_bins
        ranks = values.argsort().argsort() * n_bins // 200
        np.testing.assert_array_equal(encoded.argmax(axis=1), ranks)

    def test_bins_go_on_to_infinity_on_both_sides(self) -> None:
        made = column("a", "float_discretized", num_bins=3)
        encoded = encode_one(made, [1, 2, 3, 4, 5, 6], [-1e9, 1e9])
        assert encoded.tolist() == [[1, 0, 0], [0, 0, 1]]

    def test_bins_that_would_be_alike_are_one(self) -> None:
        """No bin is without training rows: its weights would stay what they were at first."""
        values = [0, 0, 0, 0, 0, 0, 5, 9]
        encoded = encode_one(column("a", "float_discretized", num_bins=4), values)
        assert encoded.any(axis=0).all()
        np.testing.assert_array_equal(encoded.argmax(axis=1), [0, 0, 0, 0, 0, 0, 1, 1])

    def test_bins_leave_missing_values_out_of_the_quantiles(self) -> None:
        made = column("a", "float_discretized", num_bins=2)
        encoded = encode_one(made, [1, 2, 3, 4, NAN, NAN], missing="median")
        np.testing.assert_array_equal(encoded.argmax(axis=1)[:4], [0, 0, 1, 1])

    def test_booleans_and_parts_of_dates_are_standardised(self) -> None:
        columns = [column("is new", "boolean"), column("day", "date", "year", "month")]
        rows = {"is new": [0, 1, 0, 1], "day (year)": [2019, 2021, 2021, 2019]}
        encoded = encode(columns, rows | {"day (month)": [3, 3, 9, 9]})
        expected = [[-1, -1, -1], [1, 1, -1], [-1, 1, 1], [1, -1, 1]]
        np.testing.assert_allclose(encoded, expected, rtol=1e-4)

    def test_columns_come_in_their_order(self) -> None:
        encoded = encode([column("b"), column("a")], {"b": [1, 2, 3, 6], "a": [10, 10, 30, 30]})
        np.testing.assert_allclose(encoded.mean(axis=0), 0, atol=1e-6)
        np.testing.assert_allclose(encoded[:, 1], [-1, -1, 1, 1])

    def test_a_column_keeps_its_place_when_rows_come_as_another_dict(self) -> None:
        encoder = fit([column("b"), column("a")], {"b": [1, 2], "a": [10, 30]})
        other = {"a": np.array([30.0]), "b": np.array([1.0]), "beside them": np.array([5.0])}
        np.testing.assert_allclose(encoder.encode(other), [[-1, 1]])

    @pytest.mark.parametrize("value", [0.0, 5.0, 0.1, -1e-30, 1e20])
    def test_a_constant_column_becomes_zero(self, value: float) -> None:
        encoded = encode([column("a"), column("b")], {"a": [value] * 7, "b": [1, 2, 3, 4, 5, 6, 7]})
        np.testing.assert_allclose(encoded[:, 0], 0, atol=1e-6)

    @pytest.mark.parametrize(
        "values", [[2000, 2001], [1.7e9, 1.7e9 + 86400], [1e-9, 3e-9], [-1e25, 1e25]]
    )
    def test_a_column_is_standardised_whatever_its_size(self, values: list[float]) -> None:
        encoded = encode_one(column("a"), values)
        np.testing.assert_allclose(np.ravel(encoded), [-1, 1], rtol=1e-2)

    def test_a_table_without_columns_is_one_of_plain_numbers(self) -> None:
        dataset = make_dataset([], {"a": np.float32([1, 3]), "b": np.float32([5, 1])})
        encoder = fit_encoder(dataset, DatasetSpec(name="iris"))
        np.testing.assert_allclose(
            encoder.encode(dataset.parts["train"].inputs), [[-1, 1], [1, -1]], rtol=1e-6
        )


class TestCategories:
    @pytest.mark.parametrize("word", ["string_categorical", "integer_categorical"])
    def test_one_place_for_each_category_the_frequent_first(self, word: str) -> None:
        encoded = encode_one(column("a", word), ["30", "4", "30", "5", "5", "30"])
        assert encoded.dtype == np.float32
        assert encoded.tolist() == [
            [1, 0, 0], [0, 0, 1], [1, 0, 0], [0, 1, 0], [0, 1, 0], [1, 0, 0],
        ]  # fmt: skip

    def test_of_equally_frequent_ones_the_alphabet_decides(self) -> None:
        made = column("a", "string_categorical")
        np.testing.assert_array_equal(
            encode_one(made, ["b", "a", "c"], ["a", "b", "c"]), np.eye(3, dtype=np.float32)
        )

    @pytest.mark.parametrize("unseen", ["z", "A", " a", "", "[UNK]", "[MASK]", "-1", "0"])
    def test_what_training_never_saw_is_a_row_of_zeros(self, unseen: str) -> None:
        encoded = encode_one(column("a", "string_categorical"), ["a", "b"], [unseen, "b"])
        assert encoded.tolist() == [[0, 0], [0, 1]]

    def test_rare_ones_beyond_the_bound_share_a_place_with_unseen_ones(self) -> None:
        made = column("a", "string_categorical", max_tokens=2)
        values = ["a", "a", "a", "b", "b", "c", "d"]
        encoded = encode_one(made, values, ["a", "b", "c", "d", "unseen", ""])
        assert encoded.tolist() == [[1, 0, 0], [0, 1, 0], *[[0, 0, 1]] * 4]

    def test_as_many_as_the_bound_are_all_kept(self) -> None:
        made = column("a", "string_categorical", max_tokens=3)
        assert encode_one(made, ["a", "b", "c"], ["unseen"]).tolist() == [[0, 0, 0]]

    def test_missing_is_a_category_where_training_has_it(self) -> None:
        made = column("a", "string_categorical", max_tokens=2)
        values = ["a", "a", "b", "b", "c", ""]
        encoded = encode_one(made, values, ["a", "b", "c", "", "unseen"], missing="median")
        assert encoded.tolist() == [
            [1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1], [0, 0, 1, 0],
        ]  # fmt: skip

    def test_every_place_has_training_rows(self) -> None:
        values = [*"aabbc", ""]
        for n_kept in (2, 3):
            made = column("a", "string_categorical", max_tokens=n_kept)
            assert encode_one(made, values, missing="mean").any(axis=0).all()

    @pytest.mark.parametrize(
        "words",
        [
            ["[UNK]", "[MASK]", "None", "nan"],
            ["서울", "부산 광역시", "東京", "🐈"],
            ["a\nb", "a", "b", 'say "hi"\\', "tab\there", "nu\0l"],
            [" a", "a ", "a", "A"],
            ["x" * 5000, "x" * 4999],
        ],
    )
    def test_any_text_is_a_category_also_when_loaded_again(
        self, tmp_path: Path, words: list[str]
    ) -> None:
        made = column("a", "string_categorical")
        encoder = fit([made], {"a": words})
        inputs = make_inputs([made], {"a": sorted(words)})
        encoded = encoder.encode(inputs)
        np.testing.assert_array_equal(encoded, np.eye(len(words), dtype=np.float32))
        np.testing.assert_array_equal(answer_when_loaded(encoder, inputs, tmp_path), encoded)

    @pytest.mark.parametrize("word", ["string_hashed", "integer_hashed"])
    def test_hashing_needs_no_training(self, word: str) -> None:
        made = column("a", word, num_bins=5)
        values = [str(i) for i in range(40)]
        hashed = encode_one(made, values)
        expected = keras.layers.Hashing(5, output_mode="one_hot")(tf.constant(as_text(values)))
        np.testing.assert_array_equal(hashed, expected)
        np.testing.assert_array_equal(encode_one(made, ["else"], values), hashed)
        assert hashed.sum(axis=1).tolist() == [1] * 40
        assert hashed.any(axis=0).all()


def as_text(values: Any) -> np.ndarray:
    return np.array(values, object)[:, None]


def answer_when_loaded(encoder: Encoder, inputs: Inputs, folder: Path) -> np.ndarray:
    """What the encoder gives once its model was saved and loaded."""
    assert encoder.model is not None
    encoder.model.save(folder / "encoder.keras")
    loaded = keras.saving.load_model(folder / "encoder.keras")
    return np.asarray(loaded(tf.nest.map_structure(tf.constant, encoder.stack(inputs))))


CARS = [column("make", "string_categorical"), column("colour", "string_hashed", num_bins=2)]
CAR_ROWS = {"make": [*"aabba"], "colour": ["red", "blue", "red", "blue", "red"]}


class TestCrosses:
    def encode(self, *crosses: dict[str, Any], other: dict[str, Any] | None = None) -> np.ndarray:
        return encode(CARS, CAR_ROWS, other, crosses=list(crosses))[:, 4:]

    def test_a_cross_is_keras_s_hashed_crossing(self) -> None:
        encoded = self.encode({"feature_names": ["make", "colour"], "crossing_dim": 16})
        crossing = keras.layers.HashedCrossing(16, output_mode="one_hot")
        pair = tuple(tf.constant(as_text(CAR_ROWS[name])) for name in ("make", "colour"))
        np.testing.assert_array_equal(encoded, crossing(pair))
        assert encoded.shape == (5, 16)
        assert encoded[0].tolist() == encoded[4].tolist()
        assert len(np.unique(encoded, axis=0)) == 4

    def test_several_stand_side_by_side(self) -> None:
        one = {"feature_names": ["make", "colour"], "crossing_dim": 4}
        other = {"feature_names": ["colour", "make"], "crossing_dim": 8}
        both = self.encode(one, other)
        np.testing.assert_array_equal(both, np.hstack([self.encode(one), self.encode(other)]))

    def test_a_combination_that_training_never_saw_has_a_place_too(self) -> None:
        cross = {"feature_names": ["make", "colour"], "crossing_dim": 16}
        encoded = self.encode(cross, other={"make": ["z"], "colour": ["green"]})
        assert encoded.sum() == 1


class TestMissing:
    VALUES = np.float32([[1, NAN, 5], [2, 7, 5], [2, 9, NAN], [8, NAN, 1], [NAN, 9, 1], [1, 7, 2]])
    OTHER = np.float32([[NAN, NAN, NAN], [100, 200, 300]])
    NAMES = "abc"

    def encode(self, values: np.ndarray, word: str = "float", **keys: Any) -> np.ndarray:
        columns = [column(name, word) for name in self.NAMES]
        rows, other = (dict(zip(self.NAMES, v.T, strict=True)) for v in (self.VALUES, values))
        return encode(columns, rows, other, **keys)

    @pytest.mark.parametrize("strategy", ["median", "mean", "most_frequent"])
    def test_numbers_are_filled_as_sklearns_simple_imputer_does(self, strategy: Any) -> None:
        imputer = SimpleImputer(strategy=strategy).fit(self.VALUES.astype(float))
        for values in (self.VALUES, self.OTHER):
            encoded = self.encode(values, missing=strategy)
            np.testing.assert_allclose(encoded, imputer.transform(values), rtol=1e-6)

    def test_filled_numbers_are_standardised_by_the_values_that_were_there(self) -> None:
        encoded = self.encode(self.VALUES, "float_normalized", missing="median")
        filled = SimpleImputer(strategy="median").fit_transform(self.VALUES.astype(float))
        expected = StandardScaler().fit(self.VALUES.astype(float)).transform(filled)
        np.testing.assert_allclose(encoded, expected, rtol=1e-5, atol=1e-6)

    @pytest.mark.parametrize("values", [["b", "b", "a", ""], ["b", "a", "", "c", "a", "b"]])
    def test_categories_are_filled_with_the_most_frequent(self, values: list[str]) -> None:
        filled = SimpleImputer(missing_values="", strategy="most_frequent").fit_transform(
            as_text(values)
        )
        made = column("a", "string_categorical")
        np.testing.assert_array_equal(
            encode_one(made, values, missing="most_frequent"),
            encode_one(made, values, filled[:, 0].tolist(), missing="most_frequent"),
        )
        assert encode_one(made, values, missing="most_frequent").shape[1] == len({*values} - {""})

    @pytest.mark.parametrize("strategy", ["median", "mean", "most_frequent"])
    def test_what_is_missing_only_later_is_filled_too(self, strategy: str) -> None:
        assert encode_one(column("a", "float"), [4, 4, 4], [NAN], missing=strategy) == [[4]]

    def test_a_category_that_is_missing_only_later_is_filled_too(self) -> None:
        made = column("a", "string_categorical")
        encoded = encode_one(made, ["x", "x", "y"], ["", "z", "y"], missing="most_frequent")
        assert encoded.tolist() == [[1, 0], [0, 0], [0, 1]]

    def test_the_indicator_is_sklearns_for_columns_that_miss_values_in_training(self) -> None:
        values = self.VALUES.copy()
        values[4, 0] = 3  # a has every value now
        columns = [column(name, "float") for name in self.NAMES]
        rows, other = (dict(zip(self.NAMES, v.T, strict=True)) for v in (values, self.OTHER))
        encoded = encode(columns, rows, other, missing="median", missing_indicator=True)
        indicator = MissingIndicator(features="missing-only", error_on_new=False).fit(values)
        np.testing.assert_array_equal(encoded[:, 3:], indicator.transform(self.OTHER))

    def test_the_indicator_of_a_filled_category_is_one_more_place(self) -> None:
        made = column("a", "string_categorical")
        keys = {"missing": "most_frequent", "missing_indicator": True}
        encoded = encode_one(made, ["x", "x", "y", ""], **keys)
        assert encoded.tolist() == [[1, 0, 0], [1, 0, 0], [0, 1, 0], [1, 0, 1]]

    @pytest.mark.parametrize("strategy", ["median", "mean", "most_frequent"])
    def test_a_column_without_any_value_gives_no_nan(self, strategy: str) -> None:
        columns = [
            column("number"), column("bins", "float_discretized"), column("raw", "float"),
            column("word", "string_categorical"), column("hash", "string_hashed"), column("b"),
        ]  # fmt: skip
        rows = {name: [NAN] * 3 for name in ("number", "bins", "raw")}
        rows |= {"word": [""] * 3, "hash": [""] * 3, "b": [1, 2, 3]}  # type: ignore[dict-item]
        for indicator in (False, True):
            encoded = encode(columns, rows, missing=strategy, missing_indicator=indicator)
            assert np.isfinite(encoded).all()


MIXED = [
    column("a"),
    column("b", "string_categorical"),
    column("c", "float"),
    column("d", "string_hashed", num_bins=2),
]
MIXED_ROWS = {"a": [1, 2], "b": ["x", "y"], "c": [3, 4], "d": ["p", "q"]}


class TestShapes:
    def test_a_saved_model_takes_numbers_and_categories_each_as_one_array(self) -> None:
        encoder = fit(MIXED, MIXED_ROWS)
        assert group_inputs(encoder.columns) == {"numbers": ["a", "c"], "categories": ["b", "d"]}
        raw = encoder.stack(make_inputs(MIXED, MIXED_ROWS))
        assert isinstance(raw, dict)
        assert raw["numbers"].tolist() == [[1, 3], [2, 4]]
        assert raw["numbers"].dtype == np.float32
        assert raw["categories"].tolist() == [["x", "p"], ["y", "q"]]
        assert encoder.encode(make_inputs(MIXED, MIXED_ROWS)).shape == (2, 2 + 2 + 2)

    @pytest.mark.parametrize(("places", "expected"), [((0, 2), [[1, 3]]), ((1, 3), [["x", "p"]])])
    def test_of_one_kind_alone_it_takes_that_array(self, places: Any, expected: Any) -> None:
        columns = [MIXED[i] for i in places]
        rows = {c.name: MIXED_ROWS[c.name] for c in columns}
        raw = fit(columns, rows).stack(make_inputs(columns, rows))
        assert isinstance(raw, np.ndarray)
        assert raw[:1].tolist() == expected

    def test_no_rows_encode_to_no_rows(self) -> None:
        none = {name: values[:0] for name, values in MIXED_ROWS.items()}
        encoder = fit(MIXED, MIXED_ROWS)
        assert encoder.encode(make_inputs(MIXED, none)).shape == (0, 6)

    def test_arrays_pass_unchanged(self) -> None:
        images = RNG.integers(0, 255, (5, 4, 4)).astype(np.uint8)
        encoder = fit_encoder(make_dataset([], images), DatasetSpec(name="digits"))
        assert encoder.encode(images) is images
        assert encoder.stack(images) is images
        assert (encoder.model, encoder.columns) == (None, ())

    def test_many_rows_encode_as_they_do_in_pieces(self) -> None:
        n_rows = ROWS_AT_ONCE + 3
        rows: dict[str, Any] = {
            "a": RNG.normal(size=n_rows),
            "b": RNG.choice([*"uvw"], n_rows),
            "c": RNG.normal(size=n_rows),
            "d": RNG.choice([*"pqr"], n_rows),
        }
        encoder = fit(MIXED, rows)
        inputs = make_inputs(MIXED, rows)
        whole = encoder.encode(inputs)
        for start in (0, 12_345, ROWS_AT_ONCE - 1):
            piece = {name: values[start : start + 4] for name, values in inputs.items()}
            np.testing.assert_array_equal(encoder.encode(piece), whole[start : start + 4])

    def test_no_row_is_lost_where_pieces_do_not_divide(self, monkeypatch) -> None:
        monkeypatch.setattr(encoder_module, "ROWS_AT_ONCE", 3)
        values = np.arange(10, dtype=np.float32)
        np.testing.assert_array_equal(encode_one(column("a", "float"), values)[:, 0], values)


NAMES = ["area (m²)", "rooms/bath", "우편 번호", "a:b", "x.y", "numbers", "categories", "{0}"]


@pytest.mark.parametrize("word", ["float_normalized", "float_discretized", "string_categorical"])
def test_columns_may_have_any_name(tmp_path: Path, word: str) -> None:
    columns = [column(name, word) for name in NAMES]
    rows = {name: [1, 2, 3] if word.startswith("float") else ["1", "2", "3"] for name in NAMES}
    keys: dict[str, Any] = {}
    if word == "string_categorical":
        keys["crosses"] = [{"feature_names": NAMES[:2], "crossing_dim": 8}]
    encoder, inputs = fit(columns, rows, **keys), make_inputs(columns, rows)
    encoded = encoder.encode(inputs)
    plain = [dataclasses.replace(c, name=f"c{i}") for i, c in enumerate(columns)]
    plain_rows = {f"c{i}": rows[name] for i, name in enumerate(NAMES)}
    if keys:
        keys["crosses"][0]["feature_names"] = [*plain_rows][:2]
    np.testing.assert_array_equal(encoded, encode(plain, plain_rows, **keys))
    np.testing.assert_array_equal(answer_when_loaded(encoder, inputs, tmp_path), encoded)


EVERY_WORD = [
    column("normal"),
    column("plain", "float"),
    column("scaled", "float_rescaled", scale=3.0, offset=1.0),
    column("bins", "float_discretized", num_bins=3),
    column("flag", "boolean"),
    column("day", "date", "year"),
    column("town", "string_categorical", max_tokens=2),
    column("zip", "integer_categorical"),
    column("street", "string_hashed", num_bins=4),
    column("code", "integer_hashed", num_bins=4),
]
NUMBER_NAMES = ["normal", "plain", "scaled", "bins", "flag", "day (year)"]
TEXT_NAMES = ["town", "zip", "street", "code"]


def draw_rows(n_rows: int, missing: float) -> dict[str, Any]:
    """Rows of numbers and words; a share of them is missing."""
    rng = np.random.default_rng(n_rows)
    is_missing = rng.random((10, n_rows)) < missing
    numbers = np.where(is_missing[:6], NAN, rng.normal(size=(6, n_rows)))
    texts = np.where(is_missing[6:], "", rng.choice([*"pqrs"], (4, n_rows)))
    return dict(zip(NUMBER_NAMES, numbers, strict=True)) | dict(zip(TEXT_NAMES, texts, strict=True))


POISONS = {
    "absurd numbers": dict.fromkeys(NUMBER_NAMES, 1e9) | dict.fromkeys(TEXT_NAMES, "new"),
    "all missing": dict.fromkeys(NUMBER_NAMES, NAN) | dict.fromkeys(TEXT_NAMES, ""),
}


@pytest.mark.parametrize(
    ("missing", "poison"),
    [
        ("median", "all missing"),
        *((missing, "absurd numbers") for missing in ("median", "mean", "most_frequent")),
    ],
)
def test_held_out_rows_teach_the_encoder_nothing(missing: str, poison: str) -> None:
    spec = DatasetSpec.model_validate(
        {
            "path": "some.csv",
            "missing": missing,
            "missing_indicator": True,
            "crosses": [{"feature_names": ["town", "zip"], "crossing_dim": 8}],
        }
    )
    share = 0 if poison == "all missing" else 1 / 6
    train, held_out = (make_inputs(EVERY_WORD, draw_rows(n, share)) for n in (60, 20))
    absurd = make_inputs(EVERY_WORD, {k: [v] * 20 for k, v in POISONS[poison].items()})

    def learn(train: Any, held_out: Any) -> tuple[str, list[bytes], bytes]:
        keras.utils.clear_session()  # layers are numbered on otherwise
        dataset = make_dataset(EVERY_WORD, train, validation=held_out, test=held_out)
        encoder = fit_encoder(dataset, spec)
        assert encoder.model is not None
        weights = [np.asarray(weight).tobytes() for weight in encoder.model.weights]
        return encoder.model.to_json(), weights, encoder.encode(first).tobytes()

    first = train
    clean = learn(train, held_out)
    assert learn(train, absurd) == clean
    seen = {name: np.concatenate([values, absurd[name]]) for name, values in train.items()}
    assert learn(seen, held_out) != clean  # had training seen it, it would have shown


@pytest.mark.parametrize("dataset", ["iris", "digits"])
def test_only_training_rows_are_learnt_from(make_recipe, dataset: str):
    """Every held-out value is 1e9: had one been seen, every statistic would show it."""
    n_classes = {"iris": 3, "digits": 10}[dataset]
    softmax = {"Dense": {"units": n_classes, "activation": "softmax"}}
    recipe = make_recipe(
        dataset={"name": dataset, "validation_split": 0.2},
        layers=["Flatten", "Normalization", softmax],
    )
    clean = load_dataset(recipe.dataset)
    poisoned = dataclasses.replace(
        clean,
        parts={
            name: part if name == "train" else poison(part) for name, part in clean.parts.items()
        },
    )
    expected = [np.asarray(w) for w in build(recipe, clean).serving.weights]
    weights = [np.asarray(w) for w in build(recipe, poisoned).serving.weights]
    for weight, wanted in zip(weights, expected, strict=True):
        np.testing.assert_array_equal(weight, wanted)
        assert np.abs(weight).max() < 1e4


def poison(part: Part) -> Part:
    if isinstance(part.inputs, dict):
        columns = {name: np.full_like(values, 1e9) for name, values in part.inputs.items()}
        return dataclasses.replace(part, inputs=columns)
    return dataclasses.replace(part, inputs=np.full(part.inputs.shape, 1e9, np.float32))


@pytest.mark.parametrize("dtype", [np.float32, np.float16, np.int64, np.uint8])
@pytest.mark.parametrize("shape", [(1,), (3, 5), (0, 4), (7, 0), (1000, 3), (2, 3, 4)])
def test_aligned_arrays_begin_where_tensorflow_can_use_them(shape: Any, dtype: Any) -> None:
    for _ in range(5):
        array = make_aligned(shape, np.dtype(dtype))
        assert (array.shape, array.dtype) == (shape, dtype)
        assert array.ctypes.data % 64 == 0 or not array.size
        assert array.flags.c_contiguous
        assert array.flags.writeable


def test_encoded_rows_are_aligned() -> None:
    columns = [column("a"), column("b", "string_categorical")]
    encoded = encode(columns, {"a": [1, 2, 3], "b": ["x", "y", "x"]})
    assert encoded.ctypes.data % 64 == 0
