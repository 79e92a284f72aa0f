"""Malformed and hostile files of other libraries' test suites: none costs more than itself."""

from pathlib import Path

import pytest

from embedstore.corpus import decode_all
from embedstore.corpus.entry import entry
from embedstore.corpus.images import load, thumbnail
from embedstore.errors import BadImage
from embedstore.types import ImagePreprocess

SMALL = ImagePreprocess(32)


@pytest.fixture(scope="module")
def hostile(shared_data: Path) -> list[Path]:
    folder = shared_data / "bad-images"
    if not folder.is_dir():
        pytest.skip(f"no bad pictures at {folder}")
    return sorted(folder.iterdir())


def test_each_is_pixels_or_one_error(hostile: list[Path]) -> None:
    assert len(hostile) > 100
    for path in hostile:
        for act in (lambda path: load(path, SMALL), lambda path: thumbnail(path, 64)):
            try:
                act(path)
            except BadImage as error:
                assert str(error).startswith(str(path)), error  # noqa: PT017, success is right too


def test_none_stops_the_pool_or_harms_its_neighbours(hostile: list[Path], photo) -> None:
    good = [photo(f"good-{number}.png", seed=number) for number in range(len(hostile))]
    mixed = [path for pair in zip(hostile, good, strict=True) for path in pair]
    results = list(decode_all((entry(path.name, path) for path in mixed), SMALL, workers=2))
    assert [one.entry.image for one in results] == mixed
    for one in results[1::2]:
        assert (one.pixels == load(one.entry.image, SMALL)).all()
    for one in results[::2]:
        assert (one.pixels is None) == (one.error is not None)
