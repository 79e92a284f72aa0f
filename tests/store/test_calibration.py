"""Calibration: what is measured on captions outside the bank decides."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from api.cli import main
from embedstore import Collection, Item, Store
from embedstore.calibration import LEAST_QUERIES, calibrate
from embedstore.encoders.toy import ToyEncoder
from embedstore.errors import Invalid
from embedstore.gain import Change, gain, gain_of_all
from embedstore.metrics import Recall
from embedstore.re_embedding import re_embed
from embedstore.trial import trial_of

N = 240


def unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture
def captioned(photos: Collection) -> Collection:
    """Pictures with a caption each; every tenth is a hub, near to the middle of all captions."""
    rng, dim = np.random.default_rng(0), photos.info.space.dim
    own = rng.standard_normal((N, dim))
    captions = unit(own + 3 * rng.standard_normal((N, dim)) + 0.5)
    pictures = own.copy()
    pictures[::10] += 1
    items = [Item(f"p{row:03}", texts=(f"caption {row}",)) for row in range(N)]
    photos.add_vectors(items, image=unit(pictures), text=captions)
    return photos


def found_by(captioned: Collection) -> list[str]:
    return [hit.item.key for hit in captioned.search("caption", k=N)]


def test_the_gain_of_equal_searches_is_nothing() -> None:
    ranks = Recall(np.array([1, 7, 30]))
    found = gain(ranks, ranks, [0, 1, 1])
    assert (found.mean, found.low, found.high) == (0.0, 0.0, 0.0)
    assert not found.is_certain


def test_the_gain_is_the_difference_of_recall() -> None:
    before, after = Recall(np.array([2] * 90 + [1] * 10)), Recall(np.array([1] * 50 + [2] * 50))
    found = gain(before, after, range(100), depths=(1,))
    assert found.mean == pytest.approx(after.at(1) - before.at(1))
    assert 0.2 < found.low < found.mean < found.high < 0.6
    assert found.is_certain


def test_captions_of_one_picture_are_drawn_together() -> None:
    before, after = Recall(np.full(100, 2)), Recall(np.array([1, 2] * 50))
    apart = gain(before, after, range(100), depths=(1,))
    together = gain(before, after, [row % 2 for row in range(100)], depths=(1,))
    assert together.high - together.low > 2 * (apart.high - apart.low)


def test_kinds_of_searches_count_the_same() -> None:
    owners = [row // 5 for row in range(500)]
    captions = Change(Recall(np.full(500, 2)), Recall(np.array([1, 2] * 250)), owners)
    pictures = Change(Recall(np.full(100, 2)), Recall(np.full(100, 2)), range(100))
    found = gain_of_all([captions, pictures], depths=(1,))
    assert found.mean == pytest.approx(0.25)
    assert 0.2 < found.low < 0.25 < found.high < 0.3
    alone = gain_of_all([captions], depths=(1,))
    assert alone.mean == pytest.approx(0.5)
    assert alone == gain(captions.before, captions.after, owners, depths=(1,))


def test_a_bank_that_helps_is_kept(captioned: Collection) -> None:
    before = found_by(captioned)
    found = calibrate(captioned)
    assert found.hubs_gain is not None
    assert found.hubs_gain.is_certain
    assert found.queries == N == captioned.describe()["query_bank"]
    assert found.captions == N // 2
    assert found_by(captioned) != before
    assert calibrate(captioned, hubs="off", expand="off").queries == 0
    assert captioned.describe()["query_bank"] == 0
    assert found_by(captioned) == before


def test_a_bank_that_does_not_help_is_not_kept(photos: Collection) -> None:
    rng, dim = np.random.default_rng(1), photos.info.space.dim
    same = unit(rng.standard_normal((N, dim)))
    items = [Item(f"p{row:03}", texts=(f"caption {row}",)) for row in range(N)]
    photos.add_vectors(items, image=same, text=same)
    found = calibrate(photos)
    assert found.hubs_gain is not None
    assert (found.queries, found.hubs_gain.is_certain, found.expand) == (0, False, False)


def test_no_caption_that_is_asked_for_is_in_the_bank(captioned: Collection) -> None:
    _, _, texts = captioned.catalog.scan(captioned.info.id, "text")
    trial = trial_of(captioned, texts[:100], 0.5)
    assert len(trial.captions) == N - 100
    halves = trial_of(captioned, None, 0.5)
    assert (halves.captions @ halves.bank.vectors.T).max() < 0.999


def test_too_little_to_measure_with_is_told(photos: Collection, captioned: Collection) -> None:
    queries = [f"query {number}" for number in range(LEAST_QUERIES)]
    with pytest.raises(Invalid, match=f"3 queries; .* at least {LEAST_QUERIES}"):
        calibrate(captioned, ["a", "b", "c", "a", " "])
    captioned.delete([f"p{row:03}" for row in range(20, N)])
    with pytest.raises(
        Invalid, match=r"has 20 pictures with captions, 20 of .* at least 50; .*--hubs on"
    ):
        calibrate(captioned, queries)
    with pytest.raises(Invalid, match=r"half of them are put aside.* leaves 10 .* at least 100"):
        calibrate(captioned, hubs="off")
    with pytest.raises(Invalid, match="20 captions to ask with"):
        calibrate(captioned)
    assert calibrate(captioned, queries, hubs="on", expand="off").queries == LEAST_QUERIES


def test_an_empty_collection_is_told(photos: Collection) -> None:
    with pytest.raises(Invalid, match="is empty, there is nothing to calibrate; fill it with"):
        calibrate(photos)


def test_the_options_are_told_and_kept(captioned: Collection) -> None:
    calibrate(captioned, hubs="on", expand="on")
    told = captioned.describe()
    assert (told["query_bank"], told["expand"], told["prompts"]) == (N, True, ["{}"])


class Other(ToyEncoder):
    """Toy under another name: the same vectors, in another space."""

    def __init__(self) -> None:
        super().__init__()
        self.space = replace(self.space, encoder="other", weights="other")


def test_moving_to_another_encoder_drops_the_bank(photos: Collection, store: Store) -> None:
    photos.add([Item("a", texts=("red",)), Item("b", texts=("blue",))])
    calibrate(photos, [f"query {row}" for row in range(LEAST_QUERIES)], hubs="on", expand="off")
    assert photos.describe()["query_bank"] == LEAST_QUERIES
    re_embed(store, "photos", Other())
    moved = store.collection("photos", encoder=Other())
    assert moved.describe()["query_bank"] == 0
    assert moved.search("red", target="text", k=1)[0].item.key == "a"


def test_the_command(captioned: Collection, store: Store, tmp_path: Path) -> None:
    asked = ["calibrate", "--store", str(store.folder)]
    done = CliRunner().invoke(main, asked)
    assert done.exit_code == 0, done.output
    assert f"on, {N} queries" in done.output
    assert "recall@1, 5 and 10 of 120 captions" in done.output
    undo = "embedstore calibrate --collection photos --hubs off --expand off"
    assert f"take it back with `{undo}`" in done.output
    none = CliRunner().invoke(main, [*asked, "--hubs", "off", "--expand", "off"])
    assert "take it back" not in none.output
    file = tmp_path / "queries.txt"
    file.write_text("\n".join(f"query {number}" for number in range(LEAST_QUERIES)))
    given = ["--queries", str(file), "--hubs", "on", "--expand", "off", "--json"]
    done = CliRunner().invoke(main, [*asked, *given])
    assert f'"queries": {LEAST_QUERIES}' in done.output
    file.write_bytes(b"\xff\xfe\x00")
    done = CliRunner().invoke(main, [*asked, "--queries", str(file)])
    assert done.exit_code == 5
    assert "expected one query a line in UTF-8" in done.output
