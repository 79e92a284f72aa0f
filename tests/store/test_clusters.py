"""Clusters: what they hold, what they are called, and that they stay the same."""

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from api.cli import main
from embedstore import Collection, Item, Store
from embedstore.clusters import clusters
from embedstore.errors import Invalid
from indexer import BadVectors
from indexer.clustering import spherical_clusters

COLOURS = {"red": 12, "blue": 8, "green": 4}


@pytest.fixture
def coloured(photos: Collection) -> Collection:
    """Pictures of three colours, without captions."""
    rng = np.random.default_rng(0)
    for colour, count in COLOURS.items():
        rows = photos.encoder.encode_texts([colour] * count)
        rows = rows + 0.02 * rng.standard_normal(rows.shape)
        rows = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
        photos.add_vectors([Item(f"{colour}{n}") for n in range(count)], image=rows)
    return photos


def test_rows_of_a_kind_come_together_and_always_the_same():
    rng = np.random.default_rng(1)
    middles = rng.standard_normal((4, 16))
    rows = np.repeat(middles, 25, axis=0) + 0.05 * rng.standard_normal((100, 16))
    rows = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    centres, of = spherical_clusters(rows, 4)
    assert np.linalg.norm(centres, axis=1) == pytest.approx(np.ones(4), abs=1e-4)
    assert len({tuple(of[start : start + 25]) for start in range(0, 100, 25)}) == 4
    assert all(len(set(of[start : start + 25])) == 1 for start in range(0, 100, 25))
    assert (of == np.argmax(rows @ centres.T, axis=1)).all()
    again = spherical_clusters(rows, 4)
    assert (again[0] == centres).all()
    assert (again[1] == of).all()
    for wrong in (0, 101):
        with pytest.raises(BadVectors, match="expected 1 to as many"):
            spherical_clusters(rows, wrong)


def test_clusters_are_named_by_the_words_given(coloured: Collection):
    found = clusters(coloured, 3, names=["green", "blue", "red", "red", ""])
    assert [(each.names[0], each.size) for each in found] == list(COLOURS.items())
    assert all(key.startswith(each.names[0]) for each in found for key in each.central)
    assert [len(each.central) for each in found] == [5, 5, 4]
    assert clusters(coloured, 3, names=["green", "blue", "red"]) == found


def test_clusters_are_named_by_captions(coloured: Collection):
    assert {each.names for each in clusters(coloured, 3)} == {()}
    coloured.add([Item("words only", texts=("red",))])
    assert {each.names for each in clusters(coloured, 3)} == {()}
    rows = coloured.encoder.encode_texts(list(COLOURS))
    items = [Item(f"told {colour}", texts=(f"all {colour}",)) for colour in COLOURS]
    texts = coloured.encoder.encode_texts([f"all {colour}" for colour in COLOURS])
    coloured.add_vectors(items, image=rows, text=texts)
    named = clusters(coloured, 3)
    assert [each.names[0] for each in named] == [f"all {colour}" for colour in COLOURS]


def test_every_picture_is_in_one_cluster(coloured: Collection):
    found = clusters(coloured, central=1000)
    keys = [key for each in found for key in each.central]
    assert sorted(keys) == sorted(
        f"{colour}{n}" for colour, count in COLOURS.items() for n in range(count)
    )
    assert [each.size for each in found] == [len(each.central) for each in found]


def test_nothing_and_nonsense(photos: Collection, coloured: Collection, store: Store):
    assert clusters(store.create("empty", "toy")) == []
    for wrong in (0, -1, 25):
        with pytest.raises(Invalid, match="clusters were asked for; expected 1 to 24"):
            clusters(coloured, wrong)
    with pytest.raises(Invalid, match="no names are given"):
        clusters(coloured, 2, names=[" "])
    with pytest.raises(Invalid, match="central is -1"):
        clusters(coloured, 2, central=-1)


def test_the_command(coloured: Collection, store: Store, tmp_path: Path):
    asked = ["clusters", "--store", str(store.folder), "-n", "3"]
    done = CliRunner().invoke(main, asked)
    assert done.exit_code == 0, done.output
    assert "name clusters with --names FILE" in done.output
    names = tmp_path / "names.txt"
    names.write_text("red\nblue\ngreen\n")
    told = json.loads(CliRunner().invoke(main, [*asked, "--names", str(names), "--json"]).stdout)
    assert [each["names"][0] for each in told] == ["red", "blue", "green"]
    store.create("empty", "toy")
    done = CliRunner().invoke(main, ["clusters", "--store", str(store.folder), "-c", "empty"])
    assert "has no pictures" in done.output
