"""Stores and pictures for the tests of the waist."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image

import embedstore
from embedstore import Collection, Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with embedstore.open(tmp_path / "store") as opened:
        yield opened


@pytest.fixture
def photos(store: Store) -> Collection:
    return store.create("photos", "toy")


@pytest.fixture
def picture(tmp_path: Path) -> Callable[..., Path]:
    """Make a one-colour JPEG file."""

    def make(name: str, colour: str = "red", side: int = 64) -> Path:
        path = tmp_path / "pictures" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (side, side), colour).save(path, "JPEG")
        return path

    return make
