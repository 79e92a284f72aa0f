"""The reference generator: what the neighbours agree on, and who votes for what."""

from math import exp

import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedstore.answering.consensus import ConsensusGenerator
from embedstore.answering.types import Evidence, Prompt
from embedstore.answering.votes import foretold, vote, weights


def captions(*texts, scores=None):
    return Prompt(
        tuple(
            Evidence(f"k{at}", (text,), 0.5 if scores is None else scores[at])
            for at, text in enumerate(texts)
        )
    )


def asked(*answers, scores=None):
    evidence = tuple(
        Evidence(
            f"k{at}", ("what is it",), 0.5 if scores is None else scores[at], "what is it", said
        )
        for at, said in enumerate(answers)
    )
    return Prompt(evidence, "what is it")


def one(prompt):
    return ConsensusGenerator().generate([prompt])[0]


def test_the_caption_is_the_one_the_others_agree_with():
    draft = one(
        captions(
            "a red bus parked on a busy street",
            "a brown dog runs through the grass",
            "a dog runs through green grass",
            "a brown dog runs on grass",
        )
    )
    assert draft.text == "a brown dog runs through the grass"
    assert draft.support[1] == 1.0
    assert draft.support[0] < draft.support[2] < 1.0
    lonely = one(captions("red bus", "blue sky", "green tea", "old man"))
    assert lonely.signals["agreement"] < draft.signals["agreement"]
    assert lonely.log_probability < draft.log_probability


def test_a_near_neighbour_outvotes_two_far_ones():
    assert one(asked(("desk",), ("chair",), ("chair",))).text == "chair"
    near = one(asked(("desk",), ("chair",), ("chair",), scores=(0.9, 0.5, 0.5)))
    assert near.text == "desk"
    assert exp(near.log_probability) == pytest.approx(near.signals["agreement"])
    assert near.support == (1.0, 0.0, 0.0)


def test_spellings_of_one_answer_vote_together():
    draft = one(asked(("two",), ("2",), ("A two!",), ("three",), ("3",)))
    assert draft.text in ("two", "2", "A two!")
    assert draft.signals["agreement"] == pytest.approx(0.6)
    assert draft.signals["margin"] == pytest.approx(0.2)


def test_evidence_without_answers_gives_the_words_that_matched_first():
    prompt = Prompt(
        (Evidence("a", ("the desk is red", "a desk"), 0.8), Evidence("b", ("blue",), 0.3)), "desk?"
    )
    draft = one(prompt)
    assert (draft.text, draft.support) == ("the desk is red", (1.0, 0.0))
    assert draft.signals["extracted"] == 1.0


SAID = st.lists(st.text(st.characters(codec="utf-8"), max_size=12), max_size=3).map(tuple)


@given(st.lists(st.tuples(SAID, st.floats(-1, 1)), max_size=6))
def test_shares_of_votes_are_shares(cast):
    held = [Evidence(str(at), ("q",), score, "q", said) for at, (said, score) in enumerate(cast)]
    found = vote(held)
    if not any(each.answers for each in held):
        assert found is None
        return
    assert 0.0 < found.share <= 1.0
    assert found.margin <= found.share
    assert found.support.sum() == pytest.approx(1.0)
    assert all(
        share == 0.0 or each.answers for share, each in zip(found.support, held, strict=True)
    )


@pytest.mark.parametrize(
    ("said", "share"),
    [
        ([], 0.0),
        ([()], 0.0),
        ([("a",)], 0.0),
        ([("a",)] * 3, 1.0),
        ([("a",), ("b",)], 0.0),
        ([("a",), ("a",), ("b",)], 2 / 3),  # for the third, two say "a"
        ([("a",), ("a", "b"), ("b",), ("b",), ("b",)], 4 / 5),
    ],
)
def test_voters_foretell_one_another_as_far_as_they_agree(said, share):
    held = [Evidence(str(at), ("q",), 0.5, "q", answers) for at, answers in enumerate(said)]
    assert foretold(held) == pytest.approx(share)


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=9), st.floats(-0.5, 0.5))
def test_weights_sum_to_one_and_only_differences_count(scores, shift):
    found = weights(scores)
    assert found.sum() == pytest.approx(1.0)
    assert weights([score + shift for score in scores]) == pytest.approx(found, abs=1e-6)


def test_words_that_stand_alone_are_those_of_the_nearest():
    near = Evidence("near", ("Rock is cracked.",), 0.52)
    far = [
        Evidence(f"far {n}", (text,), -0.06) for n, text in enumerate(("A cat is seen.", "A cup."))
    ]
    (draft,) = ConsensusGenerator().generate([Prompt((near, *far))])
    assert draft.text == "Rock is cracked."
    assert draft.support[0] == 1.0
    assert draft.signals["agreement"] < 0.2
