"""Many searches at once give what each gives alone."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import embedstore
from embedstore import Item, Query
from embedstore.errors import BadFilter, BadQuery, NotFound

WORDS = ["red", "blue", "sea", "tree", "dog", "a red dog", "blue sea"]


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    with embedstore.open(tmp_path_factory.mktemp("store")) as store:
        made = store.create("photos", "toy", prompts=("{}", "a photo of {}"))
        rng = np.random.default_rng(0)
        dim = made.info.space.dim
        pictures = rng.normal(size=(60, dim)).astype(np.float32)
        pictures /= np.linalg.norm(pictures, axis=1, keepdims=True)
        words = [" ".join(rng.choice(WORDS, 3)) for _ in range(60)]
        made.add_vectors(
            [Item(str(n), texts=(words[n],), meta={"n": n}) for n in range(60)],
            image=pictures,
            text=made.encoder.encode_texts(words),
        )
        made.rebuild()
        made.delete(["7", "8"])
        yield made


def shown(hits) -> list[tuple]:
    """Hits as they compare but for scores, whose last digits depend on the size of the batch."""
    return [(hit.item.key, hit.rank, hit.text) for hit in hits]


texts = st.sampled_from(WORDS)
queries = st.one_of(
    texts,
    st.builds(
        Query,
        text=texts,
        like=st.none() | st.sampled_from(["3", "4"]),
        without=st.lists(texts, max_size=2).map(tuple),
        text_weight=st.sampled_from([0.25, 0.5]),
        target=st.sampled_from(["image", "text", "both"]),
        k=st.integers(1, 9),
        where=st.sampled_from([None, "n < 30", "n >= 58", "n > 99"]),
        diversity=st.sampled_from([0.0, 0.5]),
    ),
    st.builds(Query, text=texts, min_score=st.sampled_from([0.0, 0.1])),
    st.builds(Query, like=st.sampled_from(["1", "2"]), k=st.integers(1, 70)),
)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(asked=st.lists(queries, max_size=8), expand=st.booleans())
def test_many_are_as_each(photos, asked, expand):
    photos.info.options["expand"] = expand
    found = photos.search_many(asked)
    alone = [photos.search(query) for query in asked]
    assert [shown(hits) for hits in found] == [shown(hits) for hits in alone]
    for some, others in zip(found, alone, strict=True):
        assert [hit.score for hit in some] == pytest.approx([hit.score for hit in others], abs=1e-5)


def test_many_are_one_call_of_encoder_index_and_catalog(photos, monkeypatch):
    photos.info.options["expand"] = False
    calls = []

    def counted(owner, name) -> None:
        real = getattr(owner, name)

        def call(*given, **named):
            calls.append(name)
            return real(*given, **named)

        monkeypatch.setattr(owner, name, call)

    counted(photos.encoder, "encode_texts")
    counted(photos.indices, "neighbors")
    counted(photos.catalog, "lookup")
    asked = [Query(WORDS[n % 7], k=5, without=("sea",) if n % 2 else ()) for n in range(30)]
    assert len(photos.search_many([*asked, Query("red", k=5, target="text")])) == 31
    assert sorted(calls) == ["encode_texts", "lookup", "neighbors", "neighbors"]


@pytest.mark.parametrize(
    ("wrong", "error", "told"),
    [
        (Query("x", k=0), BadQuery, "k is 0"),
        (" ", BadQuery, "empty"),
        (Query("x", where="nope == 1"), BadFilter, "unknown field nope"),
        (Query(like="none"), NotFound, "no item 'none'"),
        (Query(vector=np.full(128, np.nan, np.float32)), BadQuery, "NaN"),
    ],
)
def test_a_bad_query_is_named_by_its_place(photos, wrong, error, told):
    with pytest.raises(error, match=f"^query 3 of 4: .*{told}"):
        photos.search_many(["red", "sea", wrong, "tree"])


def test_no_queries_have_no_answers(photos):
    assert photos.search_many([]) == []
