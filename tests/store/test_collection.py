"""The waist: what goes in comes out, and nothing else does."""

import io

import numpy as np
import pytest
from PIL import Image

import embedstore
from embedstore import Item, Query
from embedstore.catalog import NewRow
from embedstore.encoders import load
from embedstore.errors import (
    BadFilter,
    BadItem,
    BadQuery,
    Conflict,
    Invalid,
    NotFound,
    SpaceMismatch,
)
from embedstore.searching import search


def texts(photos, *lines: str) -> None:
    photos.add(
        Item(line.split()[0], texts=(line,), meta={"words": len(line.split())}) for line in lines
    )


def answer(collection, query) -> list[tuple[str, float]]:
    """Keys and scores; the last digits of a score depend on the order of summation."""
    return [(hit.item.key, round(hit.score, 5)) for hit in collection.search(query)]


def unit(seed: int, n: int, dim: int) -> np.ndarray:
    made = np.random.default_rng(seed).normal(size=(n, dim)).astype(np.float32)
    return made / np.linalg.norm(made, axis=1, keepdims=True)


def test_words_find_pictures_and_captions(photos, picture):
    report = photos.add(
        [
            Item("r", picture("r.jpg", "red"), ("a red square",)),
            Item("b", picture("b.jpg", "blue"), ("a blue square",)),
        ]
    )
    assert (report.added, report.failed) == (["r", "b"], [])
    assert photos.search("red", k=1)[0].item.key == "r"
    caption = photos.search("blue square", target="text", k=1)[0]
    assert (caption.item.key, caption.text, caption.rank) == ("b", "a blue square", 1)
    assert photos.search("red", target="both", k=2)[0].item.key == "r"


def test_a_picture_finds_itself_and_more_like_this_leaves_it_out(photos, picture):
    paths = {colour: picture(f"{colour}.jpg", colour) for colour in ("red", "blue", "green")}
    photos.add(Item(colour, path) for colour, path in paths.items())
    assert photos.search(Query(image=paths["blue"], k=1))[0].item.key == "blue"
    assert photos.search(Query(image=paths["blue"].read_bytes(), k=1))[0].item.key == "blue"
    assert "green" not in [hit.item.key for hit in photos.search(Query(like="green"))]
    assert len(photos.search(Query(like="green", k=2))) == 2


def test_weights_and_negative_terms_move_the_answer(photos):
    texts(photos, "sea blue sea", "wood green tree", "both sea tree")
    first = photos.search("sea tree", target="text", k=1)[0]
    assert first.item.key == "both"
    steered = photos.search(Query("sea", target="text", k=3, without=("tree",)))
    assert [hit.item.key for hit in steered] == ["sea", "both", "wood"]


def test_several_captions_give_one_hit(photos):
    photos.add(
        [Item("dog", texts=("a dog", "a brown dog", "dog on grass")), Item("cat", texts=("a cat",))]
    )
    hits = photos.search("brown dog", target="text", k=5)
    assert [hit.item.key for hit in hits].count("dog") == 1
    assert hits[0].text == "a brown dog"


def test_replacing_and_deleting_show_at_once(photos):
    texts(photos, "one red", "two blue")
    assert photos.add([Item("one", texts=("yellow",))]).replaced == ["one"]
    assert photos.get("one").texts == ("yellow",)
    assert photos.delete(["two", "absent"]) == ["absent"]
    assert [hit.item.key for hit in photos.search("blue", target="text")] == ["one"]
    with pytest.raises(NotFound, match="two"):
        photos.get("two")


@pytest.mark.parametrize("publish", ["rebuild", "compact"])
def test_answers_do_not_depend_on_publishing(store, publish):
    made = store.create("made", "toy")
    dim = made.info.space.dim
    items = [Item(str(n), meta={"n": n}) for n in range(300)]
    made.add_vectors(items, image=unit(1, 300, dim))
    made.delete([str(n) for n in range(0, 300, 7)])
    query = Query(vector=unit(2, 1, dim)[0], k=20)
    before = answer(made, query)
    getattr(made, publish)()
    assert answer(made, query) == before
    made.add_vectors([Item("late")], image=unit(2, 1, dim))
    assert made.search(query)[0].item.key == "late"


def test_ready_vectors_may_be_one_a_text(store):
    made = store.create("made", "toy")
    rows = unit(4, 5, made.info.space.dim)
    items = [Item("two", texts=("a", "b")), Item("three", texts=("c", "d", "e"))]
    made.add_vectors(items, text=[rows[:2], rows[2:]])
    for place, key in enumerate(["two"] * 2 + ["three"] * 3):
        best = made.search(Query(vector=rows[place], target="text", k=1))[0]
        assert best.item.key == key
        assert best.score == pytest.approx(1.0, abs=2e-3)


def test_a_new_process_finds_the_same(tmp_path):
    with embedstore.open(tmp_path) as first:
        made = first.create("made", "toy")
        made.add_vectors([Item(str(n)) for n in range(50)], image=unit(1, 50, made.info.space.dim))
        query = Query(vector=unit(3, 1, made.info.space.dim)[0])
        before = answer(made, query)
        made.rebuild()
    with embedstore.open(tmp_path) as again:
        assert answer(again.collection("made"), query) == before


def test_filters_give_k_wherever_k_are_allowed(store):
    made = store.create("made", "toy")
    made.add_vectors(
        [Item(str(n), meta={"n": n}) for n in range(500)], image=unit(1, 500, made.info.space.dim)
    )
    hits = made.search(Query(vector=unit(2, 1, made.info.space.dim)[0], k=10, where="n >= 490"))
    assert sorted(int(hit.item.key) for hit in hits) == list(range(490, 500))
    with pytest.raises(BadFilter, match="unknown"):
        made.search(Query(vector=unit(2, 1, made.info.space.dim)[0], where="m == 1"))


def test_a_filter_is_refused_before_an_encoder_is_loaded(store):
    made = store.create("made", "toy")
    made.add([Item("one", texts=("a door",), meta={"n": 1})])
    for where in ("m == 1", "n = 1"):
        with pytest.raises(BadFilter):
            search(Query("a door", where=where), made.catalog, made.info, made.indices, pytest.fail)


def test_two_stores_on_one_folder_see_each_other(tmp_path):
    with embedstore.open(tmp_path) as one, embedstore.open(tmp_path) as two:
        here = one.create("made", "toy")
        there = two.collection("made")
        texts(here, "first red")
        assert there.search("red", target="text")[0].item.key == "first"
        texts(there, "second blue")
        here.delete(["first"])
        here.compact()
        assert [hit.item.key for hit in there.search("red", target="text")] == ["second"]


def test_one_bad_item_leaves_its_neighbours(photos, picture, tmp_path):
    broken = tmp_path / "broken.jpg"
    broken.write_text("this is text")
    report = photos.add(
        [
            Item("a", picture("a.jpg")),
            Item("b", broken),
            Item("c", tmp_path / "none.jpg"),
            Item("d", texts=("d",)),
        ]
    )
    assert report.added == ["a", "d"]
    assert [failure.key for failure in report.failed] == ["b", "c"]
    assert all("jpg" in failure.reason for failure in report.failed)


def test_an_item_that_cannot_be_stored_leaves_its_neighbours(photos):
    report = photos.add(
        [
            Item("a", texts=("a",)),
            Item("b", texts=("b",), meta={"n": 2**70}),
            Item("c\0", texts=("c",)),
            Item("d"),
        ]
    )
    assert report.added == ["a"]
    assert [failure.key for failure in report.failed] == ["b", "c\0", "d"]


def test_a_vector_with_nan_is_refused_by_name(photos):
    dim = photos.info.space.dim
    bad = unit(1, 2, dim)
    bad[1, 3] = np.nan
    with pytest.raises(BadItem, match="second"):
        photos.add_vectors([Item("first"), Item("second")], image=bad)
    with pytest.raises(BadItem, match="3 vectors for 1"):
        photos.add_vectors([Item("first")], image=unit(1, 3, dim))
    with pytest.raises(BadItem, match=str(dim)):
        photos.add_vectors([Item("first")], image=unit(1, 1, dim + 1))
    assert photos.describe()["items"] == 0


def test_an_encoder_that_makes_nan_costs_only_its_item(photos, monkeypatch):
    encoder = photos.encoder
    real = encoder.encode_texts

    def sometimes(lines):
        vectors = real(lines)
        vectors[[line == "poison" for line in lines]] = np.nan
        return vectors

    monkeypatch.setattr(encoder, "encode_texts", sometimes)
    report = photos.add([Item("good", texts=("fine",)), Item("bad", texts=("poison",))])
    assert (report.added, [failure.key for failure in report.failed]) == (["good"], ["bad"])


def test_a_long_text_is_cut_with_a_warning_and_the_report_alone_names_the_item(photos, caplog):
    report = photos.add([Item("a/b", texts=("word " * 10_000,)), Item("short", texts=("word",))])
    assert (report.added, report.truncated) == (["a/b", "short"], ["a/b"])
    assert "1 items have a text that exceeds the context" in caplog.text
    assert "a/b" not in caplog.text


@pytest.mark.parametrize(
    "query",
    [
        Query(),
        Query("  "),
        Query("red", k=0),
        Query("red", k=-1),
        Query("red", k=10**9),
        Query("red", text_weight=1.5),
        Query("red", target="sound"),
        Query(vector=np.zeros(3, np.float32)),
    ],
)
def test_a_query_that_cannot_be_meant_is_refused(photos, query):
    texts(photos, "one red")
    with pytest.raises(BadQuery):
        photos.search(query)


def test_nan_and_zero_query_vectors_are_refused(photos):
    for value in (np.nan, np.inf, 0.0):
        with pytest.raises(BadQuery):
            photos.search(Query(vector=np.full(photos.info.space.dim, value, np.float32)))


def test_the_length_of_a_query_vector_changes_nothing(photos):
    texts(photos, "one red", "two blue")
    vector = unit(1, 1, photos.info.space.dim)[0]
    scores = [
        [hit.score for hit in photos.search(Query(vector=length * vector, target="text"))]
        for length in (1.0, 1e-3, 7.0, 1e30)
    ]
    np.testing.assert_allclose(scores, [scores[0]] * 4, atol=1e-6)


def test_k_above_n_gives_all_and_an_empty_collection_none(photos):
    assert photos.search("red", target="both") == []
    texts(photos, "one red", "two blue")
    assert len(photos.search("red", target="text", k=100)) == 2


def test_another_encoder_is_refused_with_both_values(store, photos):
    class Other:
        def __init__(self, encoder):
            self.space = embedstore.Space("other", "w", "p", encoder.space.dim)

    with pytest.raises(SpaceMismatch) as refused:
        store.collection("photos", encoder=Other(load("toy")))
    assert photos.info.space.fingerprint in str(refused.value)
    assert "other" in str(refused.value)


def test_names_and_prompts_are_checked(store, photos):
    with pytest.raises(Conflict, match="photos"):
        store.create("photos", "toy")
    with pytest.raises(NotFound, match="photos"):
        store.collection("absent")
    with pytest.raises(Invalid, match="prompts"):
        store.create("more", "toy", prompts=("no place for the words",))
    with pytest.raises(NotFound, match="no store"):
        embedstore.open(store.folder / "absent", must_exist=True)


def test_prompts_are_averaged(store):
    plain = store.create("plain", "toy")
    framed = store.create("framed", "toy", prompts=("{}", "{} photo"))
    for each in (plain, framed):
        texts(each, "one red", "two photo")
    scores = {hit.item.key: hit.score for hit in framed.search("red", target="text")}
    assert (
        scores["two"]
        > {hit.item.key: hit.score for hit in plain.search("red", target="text")}["two"]
    )


def test_uploaded_bytes_are_kept_until_deleted(photos):
    buffer = io.BytesIO()
    Image.new("RGB", (40, 30), "red").save(buffer, "PNG")
    photos.add([Item("up", buffer.getvalue())])
    assert photos.image_bytes("up") == buffer.getvalue()
    assert Image.open(io.BytesIO(photos.thumbnail("up", 16))).size == (16, 12)
    photos.delete(["up"])
    with pytest.raises(NotFound):
        photos.image_bytes("up")


def test_dropping_a_collection_leaves_no_files(store, photos):
    texts(photos, "one red")
    photos.rebuild()
    folder = photos.indices.folder
    assert list(folder.rglob("manifest.json"))
    store.drop("photos")
    assert not folder.exists()
    assert store.create("photos", "toy").search("red", target="text") == []


DOTTED = ("..", ".", "a/../b", "./a", "a/.")


def test_a_key_with_dots_for_a_part_is_refused_and_its_neighbours_are_not(photos):
    report = photos.add(Item(key, texts=("x",)) for key in (*DOTTED, "a..b/.c", "..."))
    assert report.added == ["a..b/.c", "..."]
    assert [each.key for each in report.failed] == list(DOTTED)
    assert "no address can hold" in report.failed[0].reason
    vectors = unit(1, 1, photos.info.space.dim)
    for key in DOTTED:
        with pytest.raises(BadItem, match="no address can hold"):
            photos.add_vectors([Item(key)], image=vectors)


def test_such_keys_of_older_stores_stay_readable_and_can_be_deleted(photos):
    row = NewRow(Item("a/../b", texts=("x",)), None, unit(1, 1, photos.info.space.dim))
    photos.catalog.put(photos.info.id, [row])
    assert photos.get("a/../b").texts == ("x",)
    assert photos.delete(["a/../b"]) == []
