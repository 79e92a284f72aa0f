"""Whole captions are drawn from a head and rewarded: the better ones become more probable."""

import math

import numpy as np
import pytest
import torch

from embedstore.answering.head.config import HeadConfig
from embedstore.answering.head.model import Head
from embedstore.answering.head.shown import Shown, inputs
from embedstore.answering.head.vocabulary import Vocabulary
from embedstore.errors import Invalid
from embedstore.text_metrics import CiderD
from embedstore.training.head import reward
from embedstore.training.head.examples import Lesson
from embedstore.training.head.lessons import batch_of
from embedstore.training.head.loss import loss
from embedstore.training.head.recipe import HeadRecipe
from embedstore.training.head.reward import draw, reward_loss

SAID = ("a red dog runs", "two cats sleep on a bed", "a man rides a horse", "the sea is calm")
SCORER = CiderD([[text] for text in SAID])


@pytest.fixture(scope="module")
def vocabulary():
    return Vocabulary.learnt(list(SAID) * 3, 330)


@pytest.fixture
def head(vocabulary):
    torch.manual_seed(0)
    return Head(HeadConfig(vocabulary.pieces, 8, width=16, layers=1, heads=2, dropout=0.0))


def lessons(vocabulary, count=4):
    prefix = (vocabulary.caption,)
    vectors = np.eye(8, dtype=np.float32)
    return [
        Lesson(Shown((), vectors[at]), ((prefix, (*vocabulary.encode(text, 20), vocabulary.end)),))
        for at, text in enumerate(SAID[:count])
    ]


def probability(head, vocabulary, lesson, line):
    """The log-probability of a line after a picture."""
    batch = batch_of(
        [Lesson(lesson.shown, (((vocabulary.caption,), line),))], head.config, vocabulary
    )
    with torch.no_grad():
        return -loss(head, batch, 0.0)[0].item() * int(batch.counts.sum())


def test_lines_are_drawn_by_their_probability_and_end_once(head, vocabulary):
    head.eval()
    shown = inputs([one.shown for one in lessons(vocabulary)], head.config, vocabulary.padding)
    with torch.no_grad():
        torch.manual_seed(1)
        drawn = draw(head, head.remember(shown), vocabulary, 3, 6)
        torch.manual_seed(1)
        assert drawn == draw(head, head.remember(shown), vocabulary, 3, 6)
    assert [len(lines) for lines in drawn] == [3] * 4
    for line in (line for lines in drawn for line in lines):
        assert 1 <= len(line) <= 6
        assert vocabulary.end not in line[:-1]
    assert len({line for lines in drawn for line in lines}) > 1


def test_a_first_piece_is_drawn_as_often_as_it_is_probable(head, vocabulary):
    head.eval()
    lesson = lessons(vocabulary, 1)[0]
    shown = inputs([lesson.shown], head.config, vocabulary.padding)
    torch.manual_seed(2)
    with torch.no_grad():
        lines = draw(head, head.remember(shown), vocabulary, 4_000, 1)[0]
    piece = max(set(lines), key=lines.count)
    expected = math.exp(probability(head, vocabulary, lesson, piece))
    assert abs(lines.count(piece) / 4_000 - expected) < 4 * math.sqrt(expected / 4_000)


def test_a_step_favours_the_better_line(head, vocabulary, monkeypatch):
    one = lessons(vocabulary, 1)
    good = one[0].texts[0][1]
    bad = (*vocabulary.encode(SAID[1], 20), vocabulary.end)
    monkeypatch.setattr(reward, "draw", lambda *_: [[good, bad]])
    before = [probability(head, vocabulary, one[0], line) for line in (good, bad)]
    lowered, mean = reward_loss(head, one, vocabulary, SCORER, 2, 20)
    assert mean.item() == pytest.approx(
        5.0, abs=0.1
    )  # ten for the one, next to nothing for the other
    lowered.backward()
    torch.optim.SGD(head.parameters(), lr=0.05).step()
    after = [probability(head, vocabulary, one[0], line) for line in (good, bad)]
    assert after[0] > before[0]
    assert after[1] < before[1]


def test_equal_lines_teach_nothing(head, vocabulary, monkeypatch):
    one = lessons(vocabulary, 1)
    monkeypatch.setattr(reward, "draw", lambda *_: [[one[0].texts[0][1]] * 3])
    lowered, _ = reward_loss(head, one, vocabulary, SCORER, 3, 20)
    lowered.backward()
    grads = [weight.grad for weight in head.parameters() if weight.grad is not None]
    assert all(float(grad.abs().max()) < 1e-6 for grad in grads)


@pytest.mark.parametrize(
    "wrong", [{"reward": 1.1}, {"reward": -0.1}, {"samples": 1}, {"temperature": 0}]
)
def test_a_reward_that_makes_no_sense_is_refused(wrong):
    with pytest.raises(Invalid, match=rf"{next(iter(wrong))} is .*; expected"):
        HeadRecipe(**wrong)


def test_a_lower_temperature_draws_what_is_probable_more_often(head, vocabulary):
    head.eval()
    lesson = lessons(vocabulary, 1)[0]
    shown = inputs([lesson.shown], head.config, vocabulary.padding)
    torch.manual_seed(3)
    with torch.no_grad():
        memory = head.remember(shown)
        drawn = {t: draw(head, memory, vocabulary, 2_000, 1, t)[0] for t in (0.1, 1.0)}
    usual = {t: max(lines.count(line) for line in set(lines)) for t, lines in drawn.items()}
    assert usual[0.1] > 2 * usual[1.0]
