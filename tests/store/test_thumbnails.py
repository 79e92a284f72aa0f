"""Small pictures are kept, and only as long as they are those of an item that is there."""

import io
import os

import pytest
from PIL import Image

import embedstore
from embedstore import Item
from embedstore.corpus import images
from embedstore.errors import BadImage, NotFound
from embedstore.thumbnails import FILES, LARGEST_SIDE, PAGE_SIDE, Thumbnails


def colour(jpeg: bytes) -> str:
    with Image.open(io.BytesIO(jpeg)) as image:
        seen = image.convert("RGB").getpixel((0, 0))
    return ("red", "green", "blue")[max(range(3), key=lambda band: seen[band])]


def files(photos) -> list:
    return [path for path in (photos.indices.folder / "thumbnails").rglob("*") if path.is_file()]


def sides(photos) -> list[int]:
    return sorted(int(path.name.partition("-")[2]) for path in files(photos))


@pytest.fixture
def made(monkeypatch):
    """Counts the thumbnails that are made and not only found."""
    count = []
    make = images.thumbnail
    monkeypatch.setattr(images, "thumbnail", lambda *a: count.append(a) or make(*a))
    return count


def test_a_thumbnail_is_made_once_by_whoever_opens_the_store(store, photos, picture, made):
    photos.add([Item("r", picture("r.jpg", "red")), Item("b", picture("b.jpg").read_bytes())])
    first = [photos.thumbnail(key, 32) for key in ("r", "b")]
    with embedstore.open(store.folder) as again:
        other = again.collection("photos")
        assert [other.thumbnail(key, 32) for key in ("r", "b")] == first
        assert len(made) == 2
        assert len(other.thumbnail("r", 16)) != len(first[0])
    assert len(made) == 3


def test_another_picture_is_seen_at_once(photos, picture, made):
    path = picture("one.jpg", "red")
    photos.add([Item("one", path)])
    assert colour(photos.thumbnail("one", 32)) == "red"
    Image.new("RGB", (99, 99), "blue").save(path, "JPEG")  # the file behind the row
    assert colour(photos.thumbnail("one", 32)) == "blue"
    photos.add([Item("one", picture("two.jpg", "lime").read_bytes())])  # the row
    assert colour(photos.thumbnail("one", 32)) == "green"
    assert len(made) == 3
    assert sides(photos) == [32, PAGE_SIDE]


def test_what_is_deleted_leaves_no_thumbnail(photos, picture):
    photos.add(Item(key, picture("p.jpg")) for key in ("gone", "here"))
    for side in (16, 32):
        photos.thumbnail("gone", side)
    photos.thumbnail("here", 16)
    photos.delete(["gone", "never\udc80 there"])
    with pytest.raises(NotFound):
        photos.thumbnail("gone", 16)
    assert sides(photos) == [16, PAGE_SIDE]
    photos.compact()
    assert files(photos) == []
    assert colour(photos.thumbnail("here", 16)) == "red"


def test_what_is_deleted_while_its_thumbnail_is_made_leaves_none(photos, picture, monkeypatch):
    photos.add([Item("gone", picture("p.jpg"))])
    make = images.thumbnail

    def slowly(*asked: object) -> bytes:
        photos.delete(["gone"])
        return make(*asked)

    monkeypatch.setattr(images, "thumbnail", slowly)
    photos.thumbnail("gone", 16)
    assert files(photos) == []


def test_a_picture_that_is_gone_is_not_shown_from_memory(photos, picture):
    path = picture("p.jpg")
    photos.add([Item("p", path)])
    photos.thumbnail("p", 16)
    path.unlink()
    with pytest.raises(BadImage):
        photos.thumbnail("p", 16)


def test_a_damaged_file_is_made_anew(photos, picture):
    photos.add([Item("p", picture("p.jpg"))])
    whole = photos.thumbnail("p", 16)
    (kept,) = [path for path in files(photos) if path.name.endswith("-16")]
    for damaged in (b"", kept.read_bytes()[:-5], kept.read_bytes()[:-1] + b"!"):
        kept.write_bytes(damaged)
        assert photos.thumbnail("p", 16) == whole


def test_a_cache_that_cannot_be_written_costs_time_only(photos, picture):
    (photos.indices.folder / "thumbnails").parent.mkdir(parents=True, exist_ok=True)
    (photos.indices.folder / "thumbnails").write_text("in the way")
    assert photos.add([Item("p", picture("p.jpg"))]).added == ["p"]
    assert colour(photos.thumbnail("p", 16)) == "red"
    assert photos.delete(["p"]) == []


def test_large_ones_are_not_kept_and_a_full_drawer_loses_the_oldest(tmp_path):
    kept = Thumbnails(tmp_path)
    kept.keep("a", LARGEST_SIDE + 1, "v", b"large")
    assert list(tmp_path.iterdir()) == []
    for side in range(FILES):
        kept.keep("a", side, "v", b"small")
        (drawer,) = tmp_path.iterdir()
    for path in drawer.iterdir():
        os.utime(path, (int(path.name.partition("-")[2]),) * 2)
    kept.keep("a", FILES, "v", b"new")
    assert kept.get("a", 0, "v") is None
    assert kept.get("a", FILES - 1, "v") == b"small"
    assert kept.get("a", FILES, "v") == b"new"
    assert kept.get("a", FILES, "w") is None
    assert len(list(drawer.iterdir())) == FILES // 2 + 1
