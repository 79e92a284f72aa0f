"""Near-duplicates: what joins pictures, what does not, and what to keep."""

import json
import shutil
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from api.cli import main
from embedstore import Collection, Item, Store
from embedstore.corpus.images import load
from embedstore.corpus.look import FOR_HASH, difference_hash
from embedstore.duplicates import duplicates
from embedstore.errors import Invalid
from embedstore.likeness import alike, groups, near_hashes
from indexer.clustering import near_pairs


@pytest.fixture
def drawn(tmp_path: Path):
    """Write a picture of random blobs; the same number gives the same blobs."""

    def make(name: str, number: int, side: int = 240, **options) -> Path:
        rng = np.random.default_rng(number)
        small = Image.fromarray(rng.integers(0, 256, (6, 6, 3), np.uint8))
        path = tmp_path / "drawn" / name
        path.parent.mkdir(exist_ok=True)
        small.resize((side, side), Image.Resampling.BICUBIC).save(path, **options)
        return path

    return make


def keys(found) -> list[tuple[str, ...]]:
    return [group.keys for group in found.groups]


pairs = st.sets(st.tuples(st.integers(0, 12), st.integers(0, 12)).filter(lambda p: p[0] < p[1]))


@given(pairs)
def test_groups_are_what_pairs_connect(joined):
    found = groups(joined)
    of = {place: number for number, group in enumerate(found) for place in group}
    assert sorted(of) == sorted({place for pair in joined for place in pair})
    reach = np.eye(13, dtype=bool)
    for one, other in joined:
        reach[one, other] = reach[other, one] = True
    for _ in range(4):
        reach = reach @ reach
    for one, other in combinations(of, 2):
        assert (of[one] == of[other]) == reach[one, other]


@given(
    st.lists(st.integers(0, 2**64 - 1), max_size=12),
    st.lists(st.tuples(st.integers(0, 11), st.sets(st.integers(0, 63), max_size=6)), max_size=12),
    st.integers(0, 5),
)
def test_near_hashes_are_all_that_differ_in_few_bits(made, changed, bits):
    hashes = list(made)
    for at, flips in changed:
        if made:
            hashes.append(made[at % len(made)] ^ sum(1 << bit for bit in flips))
    found = groups(near_hashes(enumerate(hashes), bits))
    near = {
        pair
        for pair in combinations(range(len(hashes)), 2)
        if (hashes[pair[0]] ^ hashes[pair[1]]).bit_count() <= bits
    }
    assert found == groups(near)


@given(st.lists(st.integers(0, 4), max_size=20))
def test_equal_values_are_one_group(values):
    found = groups(alike(enumerate(values)))
    expected = [
        [at for at, one in enumerate(values) if one == value] for value in dict.fromkeys(values)
    ]
    assert found == [group for group in expected if len(group) > 1]


def test_near_pairs_are_those_of_all_pairs():
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((60, 8)).astype(np.float32)
    rows[40:] = rows[:20] + 0.05 * rng.standard_normal((20, 8))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    scores = np.triu(rows @ rows.T, 1)
    expected = set(zip(*(part.tolist() for part in np.nonzero(scores >= 0.9)), strict=True))
    one, other = near_pairs(rows, 0.9, 20)
    assert set(zip(one.tolist(), other.tolist(), strict=True)) == expected
    none = near_pairs(np.empty((0, 8), np.float32), 0.9, 20)
    assert [len(part) for part in none] == [0, 0]


def test_a_look_outlives_scaling_and_saving(drawn):
    first = difference_hash(load(drawn("a.png", 1), FOR_HASH))
    smaller = difference_hash(load(drawn("b.jpg", 1, 120, quality=40), FOR_HASH))
    other = difference_hash(load(drawn("c.png", 2), FOR_HASH))
    assert (first ^ smaller).bit_count() <= 3
    assert (first ^ other).bit_count() > 10


def test_a_plain_picture_has_no_look(picture):
    assert difference_hash(load(picture("plain.jpg"), FOR_HASH)) is None


def test_copies_are_grouped_the_largest_first(photos: Collection, drawn):
    large, small = drawn("large.png", 1, 480), drawn("small.jpg", 1, 120, quality=60)
    copy = large.with_name("copy.png")
    shutil.copy(large, copy)
    others = [drawn(f"other{n}.png", n) for n in range(2, 6)]
    photos.add([Item(path.name, path) for path in (small, copy, large, *others)])
    found = duplicates(photos, workers=0, score=1.0)
    assert keys(found) == [("copy.png", "large.png", "small.jpg")]
    assert found.pictures == 7
    evidence = {(pair.first, pair.second): pair for pair in found.groups[0].pairs}
    assert evidence["copy.png", "large.png"].same_bytes
    assert evidence["copy.png", "large.png"].bits == 0
    assert evidence["small.jpg", "copy.png"].same_bytes is False
    assert photos.describe()["items"] == 7


def test_vectors_alone_join_what_has_no_picture(photos: Collection):
    rows = photos.encoder.encode_texts(["red", "red", "blue", "red green", "red green"])
    photos.add_vectors([Item(f"p{n}") for n in range(5)], image=rows)
    found = duplicates(photos, workers=0)
    assert keys(found) == [("p0", "p1"), ("p3", "p4")]
    pair = found.groups[0].pairs[0]
    assert (pair.same_bytes, pair.bits) == (None, None)
    assert pair.score == pytest.approx(1.0, abs=1e-3)


def test_a_chain_of_likenesses_is_no_group(photos: Collection):
    angles = np.radians([0, 20, 40, 60, 80, 180])
    rows = np.zeros((6, photos.info.space.dim), np.float32)
    rows[:, 0], rows[:, 1] = np.cos(angles), np.sin(angles)
    photos.add_vectors([Item(f"p{n}") for n in range(6)], image=rows)
    found = duplicates(photos, score=0.9, read=False, workers=0)
    assert keys(found) == [("p0", "p1"), ("p2", "p3")]  # p4 is like p3, and p2 is kept
    assert [[(p.first, p.second) for p in g.pairs] for g in found.groups] == [
        [("p0", "p1")],
        [("p2", "p3")],
    ]


def test_many_copies_stay_together(photos: Collection):
    row = np.eye(1, photos.info.space.dim, dtype=np.float32)
    photos.add_vectors([Item(f"p{n:02}") for n in range(60)], image=row.repeat(60, 0))
    (group,) = duplicates(photos, read=False, workers=0).groups
    assert len(group.keys) == 60


def test_vectors_alone_are_compared_without_opening_a_picture(
    photos: Collection, drawn, monkeypatch
):
    photos.add([Item(name, drawn(name, 1)) for name in ("b.png", "a.png")])
    monkeypatch.setattr("embedstore.duplicates.extent", lambda _: pytest.fail("was opened"))
    monkeypatch.setattr("embedstore.corpus.images.views_of", lambda *_: pytest.fail("was opened"))
    assert keys(duplicates(photos, read=False, workers=0)) == [("a.png", "b.png")]


def test_one_unreadable_picture_stops_nothing(photos: Collection, drawn):
    paths = [drawn("a.png", 1), drawn("b.jpg", 1, quality=90), drawn("c.png", 2), drawn("d.png", 3)]
    photos.add([Item(path.name, path) for path in paths])
    paths[2].write_bytes(b"no picture")
    paths[3].unlink()
    found = duplicates(photos, workers=0)
    assert ("a.png", "b.jpg") in [tuple(sorted(group)) for group in keys(found)]
    assert [failure.key for failure in found.unreadable] == ["c.png", "d.png"]
    assert duplicates(photos, read=False, workers=0).unreadable == ()


def test_nothing_and_nonsense(photos: Collection):
    assert duplicates(photos, workers=0).groups == ()
    photos.add([Item("words", texts=("red",))])
    assert duplicates(photos, workers=0).pictures == 0
    for wrong in ({"score": float("nan")}, {"score": 2.0}, {"bits": -1}, {"bits": 64}):
        with pytest.raises(Invalid, match="expected"):
            duplicates(photos, **wrong)


def test_the_command(photos: Collection, store: Store, drawn):
    paths = [drawn("a.png", 1, 480), drawn("b.jpg", 1, quality=90), drawn("c.png", 2)]
    photos.add([Item(path.name, path) for path in paths])
    paths[2].write_bytes(b"no picture")
    asked = ["duplicates", "--store", str(store.folder), "--workers", "0"]
    done = CliRunner().invoke(main, asked)
    assert done.exit_code == 0, done.output
    assert "1 group among 3 pictures; besides the one to keep of each, 1 could go" in done.output
    assert "not read: c.png" in done.output
    told = json.loads(CliRunner().invoke(main, [*asked, "--json"]).stdout)
    assert told["groups"][0]["keys"] == ["a.png", "b.jpg"]
    done = CliRunner().invoke(main, [*asked, "--bits", "99"])
    assert done.exit_code == 5
    assert "bits is 99; expected 0 to 15" in done.output
