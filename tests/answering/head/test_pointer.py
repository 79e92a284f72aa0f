import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from embedstore.answering.head.pointer import Pointed, Pointer, log_probability, mixed


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10_000), st.integers(1, 3), st.integers(1, 3), st.integers(1, 6))
def test_it_is_a_distribution_whatever_may_be_copied(seed, g, t, places):
    torch.manual_seed(seed)
    pointer, vocabulary = Pointer(8), 11
    states, memory = torch.randn(2, g, t, 8), torch.randn(2, places, 8)
    copyable = torch.rand(2, 1, places) < 0.5
    pieces = torch.randint(0, vocabulary, (2, places)) * copyable[:, 0]
    logits = torch.randn(2, g, t, vocabulary)
    spread = mixed(logits, pointer(states, memory, pointer.keys(memory), copyable), pieces)
    assert torch.allclose(spread.sum(-1), torch.ones(2, g, t), atol=1e-5)
    assert (spread >= 0).all()


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 10_000))
def test_the_log_probability_is_that_of_the_distribution(seed):
    torch.manual_seed(seed)
    pointer = Pointer(8)
    states, memory = torch.randn(2, 2, 3, 8), torch.randn(2, 5, 8)
    pointed = pointer(states, memory, pointer.keys(memory), torch.ones(2, 1, 5, dtype=torch.bool))
    pieces, targets = torch.randint(0, 7, (2, 5)), torch.randint(0, 7, (2, 2, 3))
    logits = torch.randn(2, 2, 3, 7)
    expected = mixed(logits, pointed, pieces).gather(-1, targets[..., None]).squeeze(-1).log()
    told = log_probability(logits, pointed, pieces, targets)
    assert torch.allclose(told, expected, atol=1e-4)


def test_nothing_is_copied_where_there_are_no_words():
    pointer = Pointer(8)
    nothing = torch.zeros(1, 1, 4, dtype=torch.bool)
    memory = torch.randn(1, 4, 8)
    pointed = pointer(torch.randn(1, 1, 2, 8), memory, pointer.keys(memory), nothing)
    assert (pointed.gate == 0).all()
    logits = torch.randn(1, 1, 2, 6)
    spread = mixed(logits, pointed, torch.zeros(1, 4, dtype=torch.long))
    assert torch.allclose(spread, logits.softmax(-1))


def test_a_piece_that_the_vocabulary_would_never_say_is_copied():
    logits = torch.zeros(1, 1, 1, 5)
    logits[..., 4] = -50
    pointed = Pointed(torch.tensor([[[0.9]]]), torch.tensor([[[[0.1, 0.9]]]]))
    spread = mixed(logits, pointed, torch.tensor([[2, 4]]))
    assert int(spread.argmax()) == 4
