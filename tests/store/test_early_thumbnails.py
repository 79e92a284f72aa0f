"""Thumbnails are there before anyone asks, and cost an item neither its place nor its picture."""

import errno
import io
import re
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from PIL import Image

import embedstore
from embedstore import Collection, Item, Store, thumbnails
from embedstore.corpus import images
from embedstore.encoders.toy import ToyEncoder
from embedstore.errors import StoreLocked
from embedstore.thumbnails import FILES, PAGE_SIDE, Thumbnails
from embedstore.types import ImagePreprocess, Pixels, Vectors

ROOT = Path(__file__).parents[2]
QUARTER_TURN = 6  # as EXIF counts: the camera was held upright


class Sharp(ToyEncoder):
    """Toy that sees pictures as large as real encoders do."""

    def __init__(self) -> None:
        super().__init__()
        self.preprocess = ImagePreprocess(size=224)
        self.space = replace(self.space, encoder="sharp", preprocessing="224")

    def encode_images(self, images: Sequence[Pixels]) -> Vectors:
        return super().encode_images([np.ascontiguousarray(each[::7, ::7]) for each in images])


class Drawn(NamedTuple):
    """How a picture in the folder is made."""

    name: str
    size: tuple[int, int]
    orientation: int = 1


PICTURES = (
    Drawn("huge.jpg", (2400, 1600)),
    Drawn("large.jpg", (1224, 816)),
    Drawn("odd.jpg", (641, 333)),
    Drawn("long.jpg", (4000, 450)),
    Drawn("small.jpg", (200, 120)),
    Drawn("upright.jpg", (1600, 1000), QUARTER_TURN),
    Drawn("clear.png", (900, 700)),
)


def draw(path: Path, drawn: Drawn) -> Path:
    """Draw waves of colour, so that a wrong turn or crop shows."""
    width, height = drawn.size
    x, y = np.meshgrid(np.linspace(0, 1, width), np.linspace(0, 1, height))
    bands = (x, y, 0.5 + 0.5 * np.sin(20 * x) * np.cos(13 * y))
    image = Image.fromarray((255 * np.stack(bands, -1)).astype(np.uint8))
    exif = Image.Exif()
    exif[0x0112] = drawn.orientation
    path.parent.mkdir(exist_ok=True)
    image.save(path, quality=90, exif=exif)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for each in PICTURES:
        draw(tmp_path / "album" / each.name, each)
    return tmp_path / "album"


@pytest.fixture
def sharp(store: Store) -> Collection:
    return store.create("sharp", Sharp())


@pytest.fixture
def none_on_demand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "thumbnail", lambda *_: pytest.fail("was made on demand"))


def kept(photos: Collection) -> list[Path]:
    return [path for path in (photos.indices.folder / "thumbnails").rglob("*") if path.is_file()]


def pixels(jpeg: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(jpeg)) as image:
        assert image.format == "JPEG"
        return np.asarray(image, np.float64)


def test_the_page_asks_for_the_side_that_is_made() -> None:
    grid = (ROOT / "api" / "web" / "grid.js").read_text()
    assert re.findall(r"picture\(item, (\d+)", grid) == [str(PAGE_SIDE)]


@pytest.mark.parametrize("workers", [0, 2])
def test_those_made_while_indexing_are_those_made_on_demand(
    sharp: Collection, folder: Path, workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    embedstore.index(sharp, folder, workers=workers)
    wanted = {one.name: images.thumbnail(folder / one.name, PAGE_SIDE) for one in PICTURES}
    monkeypatch.setattr(images, "thumbnail", lambda *_: pytest.fail("was made on demand"))
    for name, on_demand in wanted.items():
        early = sharp.thumbnail(f"album/{name}", PAGE_SIDE)
        assert pixels(early).shape == pixels(on_demand).shape, name
        assert np.abs(pixels(early) - pixels(on_demand)).mean() < 4, name
        if name in ("large.jpg", "small.jpg", "clear.png"):  # decoded at the same size for both
            assert early == on_demand, name
    assert pixels(sharp.thumbnail("album/upright.jpg", PAGE_SIDE)).shape == (320, 200, 3)


def test_the_encoder_sees_the_same_with_and_without(folder: Path) -> None:
    preprocess, limits = ImagePreprocess(size=224), embedstore.corpus.DecodeLimits()
    for one in PICTURES:
        data = (folder / one.name).read_bytes()
        beside, small = images.views_of(data, one.name, preprocess, PAGE_SIDE, limits)
        alone, none = images.views_of(data, one.name, preprocess, None, limits)
        assert small is not None
        assert none is None
        np.testing.assert_array_equal(beside, alone)


def test_pictures_that_are_sent_have_theirs_too(
    sharp: Collection, folder: Path, none_on_demand: None
) -> None:
    sent = (folder / "upright.jpg").read_bytes()
    sharp.add([Item("sent", sent), Item("named", folder / "upright.jpg")])
    assert sharp.thumbnail("sent", PAGE_SIDE) == sharp.thumbnail("named", PAGE_SIDE)


def test_postgresql_keeps_them_beside_the_index_files(
    postgresql_url: str, folder: Path, tmp_path: Path, none_on_demand: None
) -> None:
    with embedstore.open(postgresql_url, folder=tmp_path / "index") as store:
        made = store.create("early-thumbnails", Sharp())
        embedstore.index(made, folder, workers=0)
        assert len(kept(made)) == len(PICTURES)
        assert made.thumbnail("album/huge.jpg", PAGE_SIDE)
        made.delete(["album/huge.jpg"])
        assert len(kept(made)) == len(PICTURES) - 1
        store.drop("early-thumbnails")


def test_what_is_decoded_to_less_than_the_page_shows_waits_for_the_first_visit(
    photos: Collection, tmp_path: Path
) -> None:
    path = draw(tmp_path / "album" / "huge.jpg", PICTURES[0])
    photos.add([Item("huge", path)])  # toy has it decoded to 300 x 200
    assert kept(photos) == []
    assert pixels(photos.thumbnail("huge", PAGE_SIDE)).shape == (213, 320, 3)


def test_a_second_run_makes_none_anew(sharp: Collection, folder: Path) -> None:
    embedstore.index(sharp, folder, workers=0)
    before = {path: path.stat().st_mtime_ns for path in kept(sharp)}
    assert len(before) == len(PICTURES)
    embedstore.index(sharp, folder, workers=0)
    assert {path: path.stat().st_mtime_ns for path in kept(sharp)} == before


def test_items_without_a_picture_and_bad_ones_have_none(sharp: Collection, folder: Path) -> None:
    for one in PICTURES[1:]:
        (folder / one.name).write_bytes(b"no picture")
    assert len(embedstore.index(sharp, folder, workers=0).failed) == len(PICTURES) - 1
    sharp.add([Item("words", texts=("red",)), Item("bad", b"no picture")])
    nan = Item("nan", folder / "huge.jpg", meta={"not": float("nan")})
    assert len(sharp.add([nan]).failed) == 1
    assert len(kept(sharp)) == 1


def test_what_is_removed_or_replaced_leaves_none_of_any_side(
    sharp: Collection, folder: Path
) -> None:
    embedstore.index(sharp, folder, workers=0)
    sharp.thumbnail("album/huge.jpg", 16)
    sharp.thumbnail("album/small.jpg", 16)
    (folder / "huge.jpg").unlink()
    embedstore.index(sharp, folder, workers=0)
    assert len(kept(sharp)) == len(PICTURES)  # one gone, and one of two sides
    sharp.add([Item("album/small.jpg", texts=("words in its place",))])
    assert len(kept(sharp)) == len(PICTURES) - 2


def test_a_file_that_changes_after_it_was_decoded_is_shown_as_it_is(
    sharp: Collection, picture, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = picture("one.png", "red", 400)
    put = sharp.catalog.put

    def late(*asked: object):
        Image.new("RGB", (401, 401), "blue").save(path, "JPEG")
        return put(*asked)

    monkeypatch.setattr(sharp.catalog, "put", late)
    sharp.add([Item("one", path)])
    assert pixels(sharp.thumbnail("one", PAGE_SIDE))[9, 9].argmax() == 2


def test_of_two_items_with_one_key_the_last_is_shown(sharp: Collection, picture) -> None:
    pair = [Item("k", picture(f"{name}.jpg", name, 400)) for name in ("red", "blue")]
    sharp.add(pair)
    assert pixels(sharp.thumbnail("k", PAGE_SIDE))[9, 9].argmax() == 2
    sharp.add([Item("k", picture("red.jpg", "red", 400)), Item("k", texts=("words",))])
    assert kept(sharp) == []


@pytest.mark.parametrize("act", ["delete", "replace"])
def test_what_goes_while_its_thumbnail_is_written_leaves_none(
    sharp: Collection, folder: Path, act: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    add = Thumbnails.add

    def slowly(self: Thumbnails, *asked: object) -> list[str]:
        monkeypatch.undo()
        if act == "delete":
            sharp.delete(["gone"])
        else:
            sharp.add([Item("gone", texts=("words",))])
        return add(self, *asked)

    monkeypatch.setattr(Thumbnails, "add", slowly)
    sharp.add([Item("gone", folder / "large.jpg"), Item("here", folder / "large.jpg")])
    assert len(kept(sharp)) == 1
    assert sharp.kept_thumbnail("here", PAGE_SIDE, sharp.picture_version("here"))


def test_a_catalog_that_cannot_say_what_was_deleted_leaves_none(
    sharp: Collection, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def locked(*_: object) -> None:
        raise StoreLocked("busy")

    monkeypatch.setattr(sharp.catalog, "rows_there", locked)
    assert sharp.add([Item("a", folder / "large.jpg")]).added == ["a"]
    assert kept(sharp) == []


def test_a_full_disk_stops_nothing_and_is_met_once_a_batch(
    sharp: Collection, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries = []

    def full(path: Path, data: bytes) -> int:
        tries.append(path)
        path.touch()
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    report = embedstore.index(sharp, folder, workers=0)
    assert (report.added, report.failed) == (len(PICTURES), [])
    assert len(tries) == 1
    assert kept(sharp) == []


def test_the_last_of_a_disk_is_left_to_rows(
    sharp: Collection, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(folder)
    for free, held in ((thumbnails.SPARE - 1, 0), (thumbnails.SPARE, 1)):
        monkeypatch.setattr(shutil, "disk_usage", lambda _, free=free: usage._replace(free=free))
        sharp.add([Item("a", folder / "large.jpg")])
        assert len(kept(sharp)) == held


def test_one_that_cannot_be_made_costs_no_item(
    sharp: Collection, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def short_of_memory(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr("embedstore.corpus.small.small_jpeg", short_of_memory)
    assert embedstore.index(sharp, folder, workers=0).added == len(PICTURES)
    assert kept(sharp) == []


def test_a_full_drawer_loses_nothing_for_those_that_nobody_asked_for(tmp_path: Path) -> None:
    held = Thumbnails(tmp_path)
    for side in range(FILES):
        assert held.add(side, {"a": ("v", b"small")}) == ["a"]
    assert held.add(FILES, {"a": ("v", b"one more")}) == []
    assert held.add(0, {"a": ("v", b"the same place")}) == ["a"]
    assert len(list(tmp_path.rglob("*-*"))) == FILES
    assert held.get("a", 0, "v") == b"the same place"
    assert held.get("a", 1, "v") == b"small"
