"""Laws of the parts of the benchmark of answers."""

import numpy as np
import pytest
import torch
from click import ClickException
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.answers.asked_heads import Alone, loaded, log_probability_of, without
from benchmarks.answers.coverage import half
from benchmarks.answers.intervals import interval
from benchmarks.answers.made_world import COLOURS, hold_out, worlds
from benchmarks.answers.plain import Nearest, most_frequent
from benchmarks.answers.question_data import questions_of
from benchmarks.answers.stock import shifted
from benchmarks.answers.translations import same
from benchmarks.answers.vectors import remembering
from embedstore import encoders
from embedstore.answering.head.citing import judge
from embedstore.answering.head.shown import inputs, shown
from embedstore.answering.head.sight import prefixed
from embedstore.answering.types import Evidence, Prompt

SEEDS = st.integers(0, 1_000)


@settings(deadline=None, max_examples=40)
@given(st.lists(st.floats(0, 1), min_size=2, max_size=30), SEEDS)
def test_an_interval_lies_among_the_values(values, seed):
    low, high = interval(values, seed)
    assert min(values) - 1e-9 <= low <= high <= max(values) + 1e-9


def test_values_of_one_picture_are_drawn_together():
    values = np.tile([0.0, 1.0], 50)
    alone = interval(values, 1)
    together = interval(values, 1, ["a", "b"] * 50)
    assert together == (0.0, 1.0)
    assert alone[1] - alone[0] < 0.25


@settings(deadline=None, max_examples=40)
@given(SEEDS, st.integers(1, 6), st.integers(1, 6))
def test_worlds_share_colours_and_no_thing(seed, many, few):
    one, other = worlds(seed, many, few)
    assert not set(one.names) & set(other.names)
    assert set(one.colours) == set(other.colours) == set(COLOURS)
    assert len(set(one.keys)) == len(one.keys) == many * len(COLOURS)
    np.testing.assert_allclose(np.linalg.norm(one.vectors, axis=1), 1, atol=1e-6)
    told = zip(one.captions, one.names, one.colours, strict=True)
    assert all(name in caption and colour in caption for caption, name, colour in told)
    again, _ = worlds(seed, many, few)
    assert again.captions == one.captions


@settings(deadline=None, max_examples=40)
@given(SEEDS, st.integers(1, len(COLOURS) - 1))
def test_a_thing_is_stored_in_other_colours_than_it_is_asked_about(seed, each):
    (world,) = worlds(seed, 4)
    stored, asked = hold_out(world, each, seed)
    assert set(stored.names) == set(asked.names) == set(world.names)
    assert len(asked.keys) == 4 * each
    pairs = [set(zip(side.names, side.colours, strict=True)) for side in (stored, asked)]
    assert not pairs[0] & pairs[1]


def test_a_picture_is_nearest_to_its_thing_and_then_to_its_colour():
    (world,) = worlds(5, 30)
    scores = world.vectors @ world.vectors.T
    names, colours = np.array(world.names), np.array(world.colours)
    thing, colour = names[:, None] == names, colours[:, None] == colours
    assert scores[thing & ~colour].mean() > scores[colour & ~thing].mean() + 0.2
    assert scores[colour & ~thing].mean() > scores[~colour & ~thing].mean() + 0.2


def test_what_is_remembered_is_what_the_encoder_gives(tmp_path):
    class Counting:
        def __init__(self):
            self._toy = encoders.load("toy")
            self.space, self.preprocess = self._toy.space, self._toy.preprocess
            self.encoded = 0

        def encode_texts(self, texts):
            self.encoded += len(texts)
            return self._toy.encode_texts(texts)

    texts = ["red", "green wall", "red", "blue"]
    counting = Counting()
    with remembering(counting, tmp_path) as encoder:
        rows = encoder.encode_texts(texts)
        np.testing.assert_array_equal(rows, encoders.load("toy").encode_texts(texts))
    with remembering(counting, tmp_path) as encoder:
        np.testing.assert_array_equal(encoder.encode_texts(texts[::-1]), rows[::-1])
        assert encoder.encode_texts([]).shape == (0, counting.space.dim)
    assert counting.encoded == 3


@given(st.lists(st.integers(0, 20), min_size=1), SEEDS)
def test_a_picture_falls_into_one_half(owners, seed):
    chosen = half(owners, seed)
    sides = {owner: set(chosen[np.array(owners) == owner].tolist()) for owner in owners}
    assert all(len(side) == 1 for side in sides.values())
    assert sum(True in side for side in sides.values()) == (len(sides) + 1) // 2


def test_the_nearest_speaks_and_nothing_is_said_of_nothing():
    evidence = (
        Evidence("a", ("a red wall", "red"), 0.9, "what", ("red",)),
        Evidence("b", ("a blue wall",), 0.8, "what", ("blue",)),
    )
    prompts = [Prompt(evidence), Prompt(evidence, "what color"), Prompt(())]
    drafts = Nearest().generate(prompts)
    assert [draft.text for draft in drafts] == ["a red wall", "red", ""]
    assert drafts[0].support == (1.0, 0.0)
    assert [each.evidence for each in shifted(prompts, 1)] == [evidence, (), evidence]
    assert most_frequent(["a", "b", "b", "a"]) == "a"


def of_walls(*captions: str) -> Prompt:
    vectors = encoders.load("toy").encode_texts(["red", *captions])
    evidence = tuple(
        Evidence(text, (text,), 0.9, vector=vector)
        for text, vector in zip(captions, vectors[1:], strict=True)
    )
    return Prompt(evidence, None, None, vectors[0])


def test_a_text_is_scored_as_the_pass_that_confirms_citations_scores_it(head):
    stored = loaded([head], "")[0].stored
    prompt, text = of_walls("a red wall", "a blue wall"), "a red wall"
    line = stored.vocabulary.encode(text, stored.head.config.answer_pieces)
    with torch.inference_mode():
        seen = shown(prompt, stored.vocabulary, stored.head.config)
        memory = stored.head.remember(inputs([seen], stored.head.config, stored.vocabulary.padding))
        judged = judge(stored.head, memory, prefixed(stored, None), line, stored.vocabulary.end)
    own = log_probability_of(stored, prompt, text)
    assert own == pytest.approx(judged.log_probability, abs=1e-5)
    assert log_probability_of(stored, without(prompt, 1), text) != pytest.approx(own, abs=1e-5)


def test_a_head_alone_does_not_see_its_evidence(head):
    (trained,) = loaded([head], "")
    alone = Alone(trained.stored)
    drafts = alone.generate([of_walls("a red wall"), of_walls("a very large green door")])
    assert drafts[0] == drafts[1]
    assert [each.key for each in without(of_walls("a", "b", "c"), 1).evidence] == ["a", "c"]


def test_questions_of_one_picture_stay_on_one_side(questions):
    learnt, held = questions_of(questions)
    assert not {each.image for each in learnt} & {each.image for each in held}
    assert len(learnt) + len(held) == len(questions.read_text().splitlines())


def test_one_picture_cannot_be_divided(tmp_path, questions):
    few = tmp_path / "few.jsonl"
    few.write_text(questions.read_text().splitlines()[0])
    with pytest.raises(ClickException, match="expected some of each"):
        questions_of(few)


def test_case_and_the_last_stop_do_not_count():
    assert same("Ein rotes Haus.", "ein rotes  haus")
    assert same("赤い家。", "赤い家")
    assert not same("ein rotes haus", "ein blaues haus")
