"""Caching, hiding, and learning by heart."""

import pytest
import torch

from embedstore.answering.head.citing import judge
from embedstore.answering.head.config import HeadConfig
from embedstore.answering.head.generator import draft
from embedstore.answering.head.pointer import mixed
from embedstore.answering.head.shown import inputs, shown
from embedstore.answering.types import Prompt
from embedstore.errors import Invalid
from embedstore.training.head.lessons import Lesson, batch_of
from embedstore.training.head.loss import loss

from .conftest import CAPTIONS, evidence, tiny, vector


def memory_of(stored, *prompts):
    seen = [shown(prompt, stored.vocabulary, stored.head.config) for prompt in prompts]
    return stored.head.remember(inputs(seen, stored.head.config, stored.vocabulary.padding))


@torch.inference_mode()
def test_writing_piece_by_piece_is_writing_at_once(stored):
    memory = memory_of(stored, Prompt(evidence("a dog runs", "a cat"), vector=vector(9)))
    written = torch.randint(0, stored.vocabulary.pieces, (1, 2, 5))
    states, pointed, _ = stored.head(written, memory)
    whole = mixed(stored.head.logits(states), pointed, memory.pieces)
    past = None
    for place in range(5):
        states, pointed, past = stored.head(written[:, :, place : place + 1], memory, past)
        part = mixed(stored.head.logits(states), pointed, memory.pieces)
        assert torch.allclose(part[:, :, 0], whole[:, :, place], atol=1e-5)


@torch.inference_mode()
def test_what_is_beside_it_or_padded_changes_nothing(stored):
    short = Prompt(evidence("a dog"), vector=vector(1))
    long = Prompt(evidence("a cat sits on a sofa", "a boat", "cars"), vector=vector(2))
    written = torch.full((1, 1, 3), stored.vocabulary.caption)
    alone = stored.head(written, memory_of(stored, short))[0]
    beside = stored.head(written.expand(2, 1, 3), memory_of(stored, short, long))[0]
    assert torch.allclose(alone[0], beside[0], atol=1e-5)


@torch.inference_mode()
def test_a_hidden_neighbour_leaves_nothing_behind(stored):
    both = memory_of(stored, Prompt(evidence("a dog runs", "two cats sit"), vector=vector(9)))
    other = memory_of(stored, Prompt(evidence("a dog runs", "big cars go"), vector=vector(9)))
    hidden = (both.number == 1)[None, None]
    written = torch.full((1, 1, 3), stored.vocabulary.caption)
    first, _, _ = stored.head(written, both, hidden=hidden)
    second, _, _ = stored.head(written, other, hidden=(other.number == 1)[None, None])
    assert torch.allclose(first, second, atol=1e-5)


def test_a_width_that_does_not_divide_is_refused():
    with pytest.raises(Invalid, match="30 does not divide into 4 heads"):
        HeadConfig(10, 4, width=30)
    with pytest.raises(Invalid, match="no fusion 'glue'"):
        HeadConfig(10, 4, fusion="glue")


def learnt(vocabulary, fusion):
    """Teach a tiny head that a picture's caption is one of its neighbours', the first's."""
    stored = tiny(vocabulary, fusion)
    head, vocabulary = stored.head.train(), stored.vocabulary
    prompts = [
        Prompt(evidence(caption, "a green field", start=10 * place), vector=vector(10 * place))
        for place, caption in enumerate(CAPTIONS)
    ]
    lessons = [
        Lesson(
            shown(prompt, vocabulary, head.config),
            (((vocabulary.caption,), (*vocabulary.encode(caption, 20), vocabulary.end)),),
        )
        for prompt, caption in zip(prompts, CAPTIONS, strict=True)
    ]
    batch = batch_of(lessons, head.config, vocabulary)
    optimizer = torch.optim.AdamW(head.parameters(), 4e-3)
    for _ in range(200):
        optimizer.zero_grad()
        surprise, _ = loss(head, batch, 0.0)
        surprise.backward()
        optimizer.step()
    head.eval()
    return stored, prompts, surprise.item()


@pytest.mark.parametrize("fusion", ["attention", "concatenation"])
def test_it_learns_eight_examples_by_heart(vocabulary, fusion):
    stored, prompts, surprise = learnt(vocabulary, fusion)
    assert surprise < 0.1
    drafts = [draft(stored, prompt) for prompt in prompts]
    assert [one.text for one in drafts] == list(CAPTIONS)
    assert all(one.log_probability > -0.2 for one in drafts)


@torch.inference_mode()
def test_only_what_is_missed_when_left_out_is_cited(stored):
    memory = memory_of(stored, Prompt(evidence("a dog runs", "a cat"), vector=vector(9)))
    line = stored.vocabulary.encode("a dog runs", 9)
    found = judge(stored.head, memory, [stored.vocabulary.caption], line, stored.vocabulary.end)
    whole = found.log_probability
    for number, support in enumerate(found.support):
        hidden = (memory.number == number)[None, None]
        written = torch.tensor([[[stored.vocabulary.caption, *line]]])
        states, pointed, _ = stored.head(written, memory, hidden=hidden)
        spread = mixed(stored.head.logits(states), pointed, memory.pieces)[0, 0]
        told = spread[range(len(line) + 1), [*line, stored.vocabulary.end]].log().mean()
        if whole - float(told) > 0.011:
            assert support > 0
        if float(told) > whole and found.gain <= 0.01:
            assert support == 0
