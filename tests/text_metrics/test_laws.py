"""What every score obeys, whatever the words."""

import random
import string

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedstore.errors import Invalid
from embedstore.text_metrics import (
    CiderD,
    bleu,
    chrf,
    clip_score,
    meteor,
    rouge_l,
    signature,
    tokenise,
    vqa_accuracy,
)

WORDS = st.lists(st.text(string.ascii_lowercase, min_size=2, max_size=6), min_size=4, max_size=9)
CAPTION = WORDS.map(" ".join)
ITEM = st.tuples(CAPTION, st.lists(CAPTION, min_size=1, max_size=3))
ITEMS = st.lists(ITEM, min_size=2, max_size=5)


def every_score(items: list[tuple[str, list[str]]]) -> dict[str, float]:
    candidates = [candidate for candidate, _ in items]
    references = [texts for _, texts in items]
    return {
        **{f"bleu-{n}": value for n, value in enumerate(bleu(candidates, references), start=1)},
        "rouge_l": rouge_l(candidates, references),
        "cider": CiderD(references).corpus(candidates, references)[0] / 10,
        "chrf": chrf(candidates, references),
    }


@given(st.lists(CAPTION, min_size=2, max_size=5, unique_by=lambda text: text.split()[0]))
def test_a_candidate_equal_to_its_only_reference_gets_the_maximum(texts):
    # A caption whose every run of words occurs in all items weighs nothing in CIDEr: make each rare
    texts = [
        f"{text} {'abcde'[place] * 9} one{place} two{place} three{place}"
        for place, text in enumerate(texts)
    ]
    scores = every_score([(text, [text]) for text in texts])
    assert all(value == pytest.approx(1, abs=1e-6) for value in scores.values()), scores


@given(ITEMS, st.randoms(use_true_random=False))
def test_the_order_of_items_and_references_does_not_matter(items, order: random.Random):
    mixed = [(candidate, order.sample(texts, len(texts))) for candidate, texts in items]
    order.shuffle(mixed)
    now, before = every_score(mixed), every_score(items)
    # Of two references as near as each other chrF counts the first, as sacrebleu does
    now.pop("chrf"), before.pop("chrf")
    assert now == pytest.approx(before)


@given(ITEMS, st.randoms(use_true_random=False))
def test_the_order_of_items_does_not_matter_to_chrf(items, order: random.Random):
    mixed = order.sample(items, len(items))
    assert chrf(*zip(*mixed, strict=True)) == pytest.approx(chrf(*zip(*items, strict=True)))


@given(ITEMS)
def test_every_score_lies_between_0_and_1(items):
    assert all(-1e-9 <= value <= 1 + 1e-9 for value in every_score(items).values())


@pytest.mark.parametrize("nothing", ["", "  ", "...", "\n"])
@given(st.lists(CAPTION | st.just(""), min_size=1, max_size=3))
def test_an_empty_candidate_gets_0(nothing, texts):
    scores = every_score([(nothing, texts)])
    assert scores.pop("chrf") < 0.2  # counts the dots
    assert set(scores.values()) == {0.0}
    assert chrf([""], [texts]) == 0.0
    assert vqa_accuracy("", texts) == 0.0


@given(st.text())
def test_any_text_at_all_is_tokenised_and_scored(text):
    assert all(word and not word.isspace() for word in tokenise(text))
    every_score([(text, ["a dog", text]), ("a dog", [text])])


@pytest.mark.parametrize(
    "letter", ["a", "1", "'", ".", "@", "a.", "n't", "1,", "&", "-", "a ", "&a"]
)
@pytest.mark.timeout(20)
def test_tokenising_takes_linear_time(letter):
    assert isinstance(tokenise(letter * (400_000 // len(letter))), list)


@pytest.mark.parametrize("score", [bleu, rouge_l, chrf, meteor])
@pytest.mark.parametrize(
    ("candidates", "references"), [([], []), (["a"], []), (["a"], [[]]), (["a"], ["not a list"])]
)
def test_what_cannot_be_scored_is_refused(score, candidates, references):
    with pytest.raises(Invalid, match="expected"):
        score(candidates, references)


def test_cider_without_a_corpus_is_refused():
    with pytest.raises(Invalid, match="0 items"):
        CiderD([])


def test_cider_takes_document_frequencies_from_the_corpus_it_is_given():
    corpus = [["a red dog runs"], ["a blue dog sits"], ["a cat"], ["the sea"]]
    of_corpus, of_two = CiderD(corpus), CiderD(corpus[:2])
    assert of_corpus.score("a red dog", ["a red dog runs"]) > 0
    assert of_two.score("dog", ["dog"]) == 0  # in every item: says nothing
    assert of_corpus.score("dog", ["dog"]) > 0


def test_clip_score_is_the_scaled_cosine_and_never_negative():
    rows = np.array([[3, 0], [1, 0], [0, 2], [0, 0]], dtype=np.float32)
    texts = np.array([[1, 0], [0, 1], [0, -1], [1, 0]], dtype=np.float32)
    assert clip_score(rows, texts).tolist() == [2.5, 0, 0, 0]
    with pytest.raises(Invalid, match="equal"):
        clip_score(rows, texts[:2])
    assert clip_score(rows[:0], texts[:0]).shape == (0,)


def test_the_signature_names_tokeniser_and_references():
    line = signature([["a", "b"], ["c", "d"]])
    assert "tok:ptb-like" in line
    assert "|refs:2|" in line
    assert "|items:2|" in line
    assert "|refs:1-2|" in signature([["a"], ["b", "c"]])
    assert "\n" not in line
    assert " " not in line


@given(st.lists(st.text("ab c", max_size=12), min_size=1, max_size=4), st.integers(0, 50))
def test_cider_against_each_reference_is_what_its_mean_is_of(texts, beside):
    cider = CiderD([texts, ["a b c a"]], beside)
    each = cider.each(texts, texts)
    assert each.shape == (len(texts), len(texts))
    means = [cider.score(text, texts) for text in texts]
    assert each.mean(1) == pytest.approx(means)


@given(st.lists(st.text("ab c", max_size=12), min_size=1, max_size=4), st.integers(0, 50))
def test_items_beside_count_as_items_without_a_word(texts, beside):
    shown = [texts, ["a b"]]
    made = CiderD([*shown, *[[""]] * beside])
    assert CiderD(shown, beside).each(texts, texts) == pytest.approx(made.each(texts, texts))
