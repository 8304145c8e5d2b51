from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from kerasrecipes.errors import DataError
from kerasrecipes.recipe.schema import DatasetSpec
from kerasrecipes.rows import Piece, Rows, Schema, open_rows
from kerasrecipes.rows.kinds import make_column
from kerasrecipes.rows.target import Target

RED, BLUE = (255, 0, 0), (0, 0, 255)


def draw(path: Path, size: tuple[int, int] = (4, 6), seed: int = 0, mode: str = "RGB") -> Any:
    """Write an image of random pixels; size is height and width."""
    path.parent.mkdir(parents=True, exist_ok=True)
    shape = (*size, 3) if mode == "RGB" else size
    pixels = np.random.default_rng(seed).integers(0, 256, shape, np.uint8)
    Image.fromarray(pixels).save(path)
    return pixels


def open_images(path: Path) -> Rows:
    return open_rows(path, DatasetSpec())


def load(folder: Path, **keys: Any) -> Any:
    return open_images(folder).load(DatasetSpec(path=str(folder), **keys))


def make_schema(*shape: int, class_names: tuple[str, ...] = ("a", "b10", "b2")) -> Schema:
    """What a model takes that was trained on images of this height, width and channels."""
    target = Target((make_column("class", "string_categorical"),), "classification", class_names)
    return Schema((), target, shape, DatasetSpec())


def read(path: Path, *shape: int, with_target: bool = False) -> Piece:
    (piece,) = open_images(path).iterate(make_schema(*shape), with_target=with_target)
    return piece


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three classes of five images; files were not written in the order of their names."""
    for i, name in enumerate(("b10", "b2", "a")):
        for j, file in enumerate(("2.png", "10.png", "1.PNG", "3.png", "4.png")):
            draw(tmp_path / "photos" / name / file, seed=10 * i + j, mode="L")
    return tmp_path / "photos"


@pytest.mark.parametrize("color_mode", ["rgb", "grayscale"])
def test_pixels_classes_and_order_are_those_of_keras(folder: Path, color_mode: Any) -> None:
    from keras.utils import image_dataset_from_directory

    draw(folder / "a" / "inner" / "0.png", mode="L")
    if color_mode == "rgb":  # TensorFlow reads no others as gray.
        draw(folder / "b2" / "0.bmp")
        draw(folder / "b2" / "9.gif", mode="L")
        draw(folder / "b2" / "5.png")
    dataset = image_dataset_from_directory(
        folder, shuffle=False, image_size=(4, 6), color_mode=color_mode, batch_size=None, verbose=0
    )
    source = load(folder, color_mode=color_mode)
    pixels, labels = zip(*dataset.as_numpy_iterator(), strict=True)
    expected = np.stack(pixels).reshape(source.inputs.shape)
    np.testing.assert_array_equal(source.inputs, expected)
    assert source.target.tolist() == list(labels)
    assert list(source.class_names) == dataset.class_names == ["a", "b10", "b2"]


def test_what_a_folder_of_images_is(folder: Path) -> None:
    gray, color = load(folder, color_mode="grayscale"), load(folder)
    assert (gray.inputs.shape, gray.inputs.dtype) == ((15, 4, 6), np.uint8)
    assert (color.inputs.shape, color.inputs.dtype) == ((15, 4, 6, 3), np.uint8)
    assert (gray.target.dtype, gray.task) == (np.int64, "classification")
    assert (gray.target_names, gray.origin) == (("class",), f"images in {folder}")


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp"])
def test_formats(tmp_path: Path, suffix: str) -> None:
    for name, color in (("blue", BLUE), ("red", RED)):
        (tmp_path / name).mkdir()
        Image.new("RGB", (9, 8), color).save(tmp_path / name / f"1{suffix}")
    pixels = load(tmp_path).inputs.astype(int)
    assert pixels.shape == (2, 8, 9, 3)
    assert abs(pixels - np.reshape([BLUE, RED], (2, 1, 1, 3))).max() <= 2


def test_modes_of_pixels(tmp_path: Path) -> None:
    deep = np.array([[0, 256], [32768, 65535]], np.uint16)
    Image.fromarray(deep).save(tmp_path / "16bit.png")
    Image.new("RGBA", (2, 2), (*RED, 0)).save(tmp_path / "alpha.png")
    Image.new("1", (2, 2), 1).save(tmp_path / "bits.png")
    Image.new("P", (2, 2), 0).save(tmp_path / "palette.png")
    piece = read(tmp_path, 2, 2, 3)
    assert isinstance(piece.inputs, np.ndarray)
    assert [*piece.beside["file"]] == ["16bit.png", "alpha.png", "bits.png", "palette.png"]
    assert piece.inputs[0, :, :, 0].tolist() == [[0, 1], [128, 255]]
    assert piece.inputs[1:, 0, 0].tolist() == [[255, 0, 0], [255, 255, 255], [0, 0, 0]]


def test_the_first_frame_of_a_moving_image(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (3, 3), color) for color in (RED, BLUE)]
    for name in ("blue", "red"):
        (tmp_path / name).mkdir()
        frames[name == "blue"].save(
            tmp_path / name / "moving.gif", save_all=True, append_images=frames[::-1]
        )
    assert load(tmp_path).inputs[:, 0, 0].tolist() == [[*BLUE], [*RED]]


def test_cameras_turn_images(tmp_path: Path) -> None:
    image = Image.new("RGB", (4, 2), BLUE)
    image.paste(RED, (0, 0, 2, 2))
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise by 90 degrees
    (tmp_path / "a").mkdir()
    image.save(tmp_path / "a" / "turned.png", exif=exif)
    pixels = load(tmp_path).inputs[0]
    assert pixels.shape == (4, 2, 3)
    assert (pixels[0, 0].tolist(), pixels[3, 0].tolist()) == ([*RED], [*BLUE])


def test_images_are_brought_to_one_size(folder: Path) -> None:
    draw(folder / "a" / "0.png", size=(50, 20))
    assert load(folder, image_size=[10, 12]).inputs.shape == (16, 10, 12, 3)


def test_hidden_and_other_files_are_passed_over(folder: Path) -> None:
    before = load(folder)
    (folder / "notes.txt").touch()
    (folder / "a" / "Thumbs.db").touch()
    (folder / "a" / "._1.png").touch()
    draw(folder / ".ipynb_checkpoints" / "1.png")
    draw(folder / "a" / ".cache" / "1.png")
    draw(folder / "__MACOSX" / "1.png")
    np.testing.assert_array_equal(load(folder).inputs, before.inputs)
    assert load(folder).class_names == before.class_names


def test_images_without_classes(folder: Path) -> None:
    expected = load(folder, color_mode="grayscale").inputs
    for shape in ((4, 6), (4, 6, 1)):
        piece = read(folder / "a", *shape)
        assert [*piece.beside["file"]] == ["1.PNG", "10.png", "2.png", "3.png", "4.png"]
        assert (piece.rows.tolist(), piece.values) == ([0, 1, 2, 3, 4], None)
        np.testing.assert_array_equal(piece.inputs, expected[:5].reshape(5, *shape))
    one = read(folder / "a" / "2.png", 4, 6)
    assert [*one.beside["file"]] == ["2.png"]
    np.testing.assert_array_equal(one.inputs, expected[[2]])
    some = read(folder / "a" / "[1-3].*", 4, 6)
    assert [*some.beside["file"]] == ["1.PNG", "2.png", "3.png"]
    assert read(folder, 4, 6).beside["file"][0] == "a/1.PNG"


def test_images_are_brought_to_the_size_and_colours_that_the_model_takes(folder: Path) -> None:
    expected = load(folder, image_size=[2, 3], color_mode="rgb").inputs
    np.testing.assert_array_equal(read(folder, 2, 3, 3).inputs, expected)


def test_images_with_answers(folder: Path) -> None:
    shutil.rmtree(folder / "b10")
    piece = read(folder, 4, 6, with_target=True)
    assert piece.values is not None
    assert piece.values.tolist() == [0] * 5 + [2] * 5


def test_bad_images_to_evaluate(folder: Path) -> None:
    draw(folder / "c" / "1.png")
    draw(folder / "d" / "1.png")
    with pytest.raises(DataError) as caught:
        read(folder, 4, 6, with_target=True)
    assert caught.value.problems == (
        "c, d: no class that the model was trained on. The classes: a, b10, b2.",
    )
    with pytest.raises(DataError, match=r"one for each class.* \(received: .*1\.PNG"):
        read(folder / "a" / "1.PNG", 4, 6, with_target=True)


def fail(folder: Path, **keys: Any) -> list[str]:
    with pytest.raises(DataError) as caught:
        load(folder, **keys)
    assert caught.value.dataset == folder.name
    return list(caught.value.problems)


def test_unreadable_images_and_unequal_sizes_are_told_together(folder: Path) -> None:
    draw(folder / "b2" / "9.png", size=(5, 7))
    (folder / "a" / "5.png").write_bytes(b"no image")
    whole = (folder / "a" / "1.PNG").read_bytes()
    (folder / "b2" / "0.png").write_bytes(whole[:50])
    (unreadable,) = fail(folder)
    assert unreadable.startswith("images cannot be read: a/5.png (cannot identify image file")
    assert ", b2/0.png (" in unreadable
    assert unreadable.endswith(
        ", b2/9.png (height × width (5, 7), and the first has (4, 6); to resize all images, write "
        "image_size: [4, 6]). Correct or remove them."
    )


SUFFIXES = "Images end in .bmp, .gif, .jpeg, .jpg, .png, .webp."


PLACES = (
    "images must be in sub-folders, one for each class, or in such folders named train, validation "
    "and test (received: {{folder}} with the sub-folders {}; without images of their own: {}). "
    f"{SUFFIXES} Texts end in .txt."
)


@pytest.mark.parametrize(
    ("files", "keys", "message"),
    [
        (["1.png", "2.png"], {}, PLACES.format("none", "none")),
        ([], {}, PLACES.format("none", "none")),
        (["a/", "b/"], {}, PLACES.format("a, b", "a, b")),
        (["a/1.png", "b/"], {}, PLACES.format("a, b", "b")),
        (["val/a/1.png", "test/a/1.png"], {}, PLACES.format("test, val", "test, val")),
        (
            ["train/a/1.png", "train/b/1.png", "val/b/1.png", "val/c/1.png"],
            {},
            "validation must have train's classes (only in one: a, c). Add images, or remove these "
            "folders.",
        ),
        (
            ["train/a/1.png", "test/a/1.png", "unlabelled/x/1.png"],
            {},
            PLACES.format("test, train, unlabelled", "test, train, unlabelled"),
        ),
        (
            ["train/a/1.png", "val/a/1.png", "valid/a/1.png"],
            {},
            PLACES.format("train, val, valid", "train, val, valid"),
        ),
        (["flowers/a/1.png", "flowers/b/1.png"], {}, PLACES.format("flowers", "flowers")),
        (
            ["a/1.png", "b/1.png"],
            {"task": "regression"},
            "task: the folders of images are classes. Write task: classification.",
        ),
    ],
)
def test_bad_folders(tmp_path: Path, files: list[str], keys: dict[str, Any], message: str) -> None:
    for name in files:
        if name.endswith("/"):
            (tmp_path / name).mkdir()
        else:
            draw(tmp_path / name)
    assert fail(tmp_path, **keys) == [message.format(folder=tmp_path)]


@pytest.mark.parametrize(
    ("folders", "parts"),
    [
        (("train", "validation", "test"), ["validation", "test"]),
        (("training", "Valid"), ["validation"]),
        (("Train", "test"), ["test"]),
    ],
)
def test_folders_of_parts(tmp_path: Path, folders: tuple[str, ...], parts: list[str]) -> None:
    drawn = {}
    for seed, name in enumerate(f"{part}/{kind}/1.png" for part in folders for kind in "ba"):
        drawn[name] = draw(tmp_path / name, seed=seed)
    source = load(tmp_path)
    assert (source.class_names, [*source.own_parts]) == (("a", "b"), parts)
    for folder, part in zip(folders, (source, *source.own_parts.values()), strict=True):
        expected = np.stack([drawn[f"{folder}/{kind}/1.png"] for kind in "ab"])
        np.testing.assert_array_equal(part.inputs, expected)
        assert part.target.tolist() == [0, 1]


def test_the_test_folder_is_evaluated(tmp_path: Path) -> None:
    drawn = {part: [draw(tmp_path / part / kind / "1.png", seed=len(part)) for kind in ("a", "b10")]
             for part in ("train", "test")}  # fmt: skip
    piece = read(tmp_path, 4, 6, 3, with_target=True)
    np.testing.assert_array_equal(piece.inputs, drawn["test"])
    assert piece.values is not None
    assert piece.values.tolist() == [0, 1]
    (tmp_path / "test").rename(tmp_path / "val")
    piece = read(tmp_path, 4, 6, 3, with_target=True)  # without a test part, all images
    assert piece.values is not None
    assert piece.values.tolist() == [0, 0, 1, 1]
    pairs = zip(drawn["train"], drawn["test"], strict=True)
    np.testing.assert_array_equal(piece.inputs, [image for pair in pairs for image in pair])


def test_unsorted_images_of_parts_are_no_classes(tmp_path: Path) -> None:
    for name in ("train/1.png", "train/2.png", "test/1.png"):
        draw(tmp_path / name)
    with pytest.raises(DataError, match="train with the sub-folders none"):
        load(tmp_path)


def test_bad_images_to_predict(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"there are no images in .*\. Images end in"):
        read(tmp_path, 4, 6)
    draw(tmp_path / "1.png")
    with pytest.raises(DataError, match=r"takes arrays of shape \(5,\) \(received: images\)"):
        read(tmp_path, 5)
