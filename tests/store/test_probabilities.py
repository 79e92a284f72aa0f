"""Probabilities of relevance: measured with the options in force, and gone with them."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import embedstore
from embedstore import Collection, Item, Query, Store
from embedstore.calibration import calibrate
from embedstore.encoders.toy import ToyEncoder
from embedstore.errors import BadQuery
from embedstore.hubness import NEAREST, WEIGHT, QueryBank
from embedstore.judged import DEPTH, _best_of_bank, _bias, _searched, relevance_of
from embedstore.re_embedding import re_embed
from embedstore.trial import captioned

N = 300


def unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture
def album(photos: Collection) -> Collection:
    """Pictures whose captions come near to them, some nearer than others."""
    rng, dim = np.random.default_rng(0), photos.info.space.dim
    own = rng.standard_normal((N, dim))
    captions = unit(own + rng.uniform(1, 5, (N, 1)) * rng.standard_normal((N, dim)))
    items = [Item(f"p{row:03}", texts=(f"caption {row}",)) for row in range(N)]
    photos.add_vectors(items, image=unit(own), text=captions)
    return photos


def asking(album: Collection, row: int = 5) -> Query:
    return Query(vector=captioned(album).captions[row], k=N)


@pytest.mark.parametrize("hubs", ["on", "off"])
@pytest.mark.parametrize("expand", ["on", "off"])
def test_hits_of_words_tell_how_probably_they_are_right(album: Collection, hubs, expand):
    assert album.search(asking(album))[0].probability is None
    found = calibrate(album, hubs=hubs, expand=expand).relevance
    assert found is not None
    assert (found.captions, found.pictures, found.pairs) == (N, N, N // 2 * DEPTH)
    assert 0.01 < found.base_rate < 0.1
    assert found.error < 0.03
    hits = album.search(asking(album))
    assert [hit.probability for hit in hits] == found.of([hit.score for hit in hits])
    assert hits[0].probability > hits[-1].probability


@pytest.mark.parametrize("hubs", ["on", "off"])
def test_who_has_the_collection_open_learns_of_a_calibration(album: Collection, store: Store, hubs):
    with embedstore.open(store.folder) as other:
        opened = other.collection(album.name)
        assert opened.search(asking(album))[0].probability is None
        for chosen in ({"hubs": hubs, "expand": "off"}, {"hubs": "off", "expand": "on"}):
            calibrate(album, **chosen)
            here, there = album.search(asking(album)), opened.search(asking(album))
            assert there[0].probability == here[0].probability is not None
            assert [hit.score for hit in there] == pytest.approx(
                [hit.score for hit in here], abs=1e-6
            )


def test_pages_and_batches_go_by_the_options_of_now(album: Collection, store: Store):
    with embedstore.open(store.folder) as other:
        opened = other.collection(album.name)
        calibrate(album, hubs="off", expand="on")
        with pytest.raises(BadQuery, match="ask for more hits at once"):
            opened.search_page(asking(album))
        (many,) = opened.search_many([asking(album)])
        assert [hit.item.key for hit in many] == [
            hit.item.key for hit in album.search(asking(album))
        ]
        assert any(each.expanded for each in opened.explain(asking(album)))
        calibrate(album, hubs="off", expand="off")
        assert opened.search_page(asking(album)).hits
        seq = album.describe()["seq"]
        album.catalog.change_options(album.info, dict)
        assert album.describe()["seq"] == seq  # nothing changed


def test_the_measured_scores_are_those_of_a_search(album: Collection):
    held = captioned(album)
    scores, _ = _searched(held.pictures, held.captions[:9], held.captions[:9], None, False)
    for row in range(9):
        hits = album.search(asking(album, row))
        assert [hit.score for hit in hits[:DEPTH]] == pytest.approx(scores[row], abs=1e-3)


def test_a_caption_leaves_the_bank_while_it_asks(album: Collection):
    held = captioned(album)
    best = _best_of_bank(held.pictures, held.captions)
    plain = held.captions @ held.pictures.T
    for row in (0, 7):
        found = _bias(best, plain[row : row + 1], np.array([True]))[0]
        rest = QueryBank("rest", WEIGHT, np.delete(held.captions, row, axis=0))
        assert WEIGHT * found == pytest.approx(rest.bias(held.pictures), abs=2e-4)
        stays = _bias(best, plain[row : row + 1], np.array([False]))[0]
        whole = QueryBank("whole", WEIGHT, held.captions)
        assert WEIGHT * stays == pytest.approx(whole.bias(held.pictures), abs=2e-4)
    assert best.shape == (N, NEAREST + 1)


def test_a_least_probability_leaves_out_all_the_rest(album: Collection):
    calibrate(album, hubs="off", expand="off")
    every = album.search(asking(album))
    likely = album.search(replace(asking(album), min_probability=0.2))
    assert 0 < len(likely) < len(every)
    assert likely == [hit for hit in every if hit.probability >= 0.2]
    nonsense = -captioned(album).captions.mean(axis=0)
    assert album.search(Query(vector=nonsense, min_probability=0.2)) == []


def test_only_words_for_pictures_have_a_probability(album: Collection):
    calibrate(album, hubs="off", expand="off")
    for query in (
        Query("caption 5", target="text"),
        Query("caption 5", target="both"),
        Query(like="p005"),
        Query("caption 5", without=("sea",)),
        Query("caption", like="p005"),
    ):
        assert {hit.probability for hit in album.search(query)} == {None}
    assert album.search("caption 5")[0].probability is not None


def test_another_bank_drops_the_probabilities(album: Collection):
    calibrate(album, hubs="on", expand="off")
    assert album.search(asking(album))[0].probability is not None
    album.catalog.set_bank(album.info.id, None, WEIGHT)
    assert album.search(asking(album))[0].probability is None
    with pytest.raises(BadQuery, match="run `embedstore calibrate --collection photos`"):
        album.search(replace(asking(album), min_probability=0.5))
    assert calibrate(album, hubs="off", expand="off").relevance is not None
    assert album.search(asking(album))[0].probability is not None


def test_they_are_kept_with_the_collection(album: Collection, store: Store, tmp_path: Path):
    found = calibrate(album, hubs="on", expand="off").relevance
    query = asking(album)
    told = [hit.probability for hit in album.search(query)]
    with embedstore.open(tmp_path / "store") as again:
        opened = again.collection("photos")
        assert [hit.probability for hit in opened.search(query)] == told
        assert opened.info.options["relevance"]["error"] == found.error


def test_too_few_captions_tell_nothing(album: Collection):
    album.delete([f"p{row:03}" for row in range(40, N)])
    assert calibrate(album, hubs="off", expand="off").relevance is None
    assert album.search("caption")[0].probability is None


class Other(ToyEncoder):
    """Toy under another name: the same vectors, in another space."""

    def __init__(self) -> None:
        super().__init__()
        self.space = replace(self.space, encoder="other", weights="other")


def test_another_space_drops_them(photos: Collection, store: Store):
    texts = [f"{colour} {number}" for colour in ("red", "blue") for number in range(50)]
    photos.add([Item(text, texts=(text,)) for text in texts])
    rows = photos.catalog.scan(photos.info.id, "text")[2]
    photos.add_vectors([Item(text, texts=(text,)) for text in texts], image=rows, text=rows)
    assert calibrate(photos, hubs="off", expand="off").relevance is not None
    re_embed(store, "photos", Other(), skip_without_source=True)
    moved = store.collection("photos", encoder=Other())
    assert {hit.probability for hit in moved.search("red")} <= {None}


def test_prompts_are_met_while_measuring(store: Store):
    framed = store.create("framed", "toy", prompts=("a photo of {}", "{}"))
    texts = [f"thing {number}" for number in range(80)]
    rows = framed.encoder.encode_texts(texts)
    items = [Item(text, texts=(text,)) for text in texts]
    framed.add_vectors(items, image=rows, text=rows)
    found = relevance_of(framed, None, False)
    best = framed.search("thing 7", k=1)[0]
    assert best.score < 0.95
    assert found.scores[-1] < 0.95
