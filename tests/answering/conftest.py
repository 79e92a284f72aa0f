"""Stores to answer from."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import embedstore
from embedstore import Collection, Item, Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with embedstore.open(tmp_path / "store") as opened:
        yield opened


@pytest.fixture
def picture(tmp_path: Path) -> Callable[..., Path]:
    """Make a picture of one colour with some noise, so that no two are the same."""

    def make(name: str, colour: str = "red", seed: int = 0) -> Path:
        path = tmp_path / "pictures" / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        plain = np.array(Image.new("RGB", (64, 64), colour))
        rng = np.random.default_rng(seed)
        plain[:24, :24] = rng.integers(0, 255, (24, 24, 3))
        Image.fromarray(plain).save(path)
        return path

    return make


@pytest.fixture
def doors(store: Store, picture) -> Collection:
    """Pictures of doors with captions and questions, pictures without words, words alone."""
    made = store.create("doors", "toy")
    told = [("red", 5), ("blue", 3), ("green", 2)]
    items = [
        Item(
            f"{colour}{at}",
            picture(f"{colour}{at}", colour, at),
            (f"a {colour} door", f"the {colour} door of house {at}"),
            {"year": 2000 + at},
        )
        for colour, count in told
        for at in range(count)
    ]
    items += [Item(f"bare{at}", picture(f"bare{at}", "red", 90 + at)) for at in range(40)]
    items += [
        Item(
            f"q{colour}{at}",
            picture(f"q{colour}{at}", colour, 50 + at),
            ("what colour is the door",),
            {"answers": [colour]},
        )
        for colour, _ in told
        for at in range(3)
    ]
    items += [Item("fact", None, ("the shop opens at nine",), {"year": 1999})]
    made.add(items)
    return made
