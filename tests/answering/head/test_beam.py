"""The laws of the search, on a made language whose best line is known by trying all."""

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from embedstore.answering.head.beam import Search, search

END = 0


class Language:
    """Pieces follow each other by a fixed table."""

    def __init__(self, seed, pieces=4):
        torch.manual_seed(seed)
        self.table = torch.randn(pieces, pieces).log_softmax(-1)
        self.first = torch.randn(pieces).log_softmax(-1)
        self.newest = []

    def advance(self, parents, newest):
        return self.table[torch.tensor(newest)]

    def total(self, line):
        places = [self.first, *(self.table[one] for one in line)]
        return sum(float(row[one]) for row, one in zip(places, (*line, END), strict=True))


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 10_000))
def test_a_beam_as_wide_as_the_language_finds_the_best_line(seed):
    language, most = Language(seed), 3
    everything = Search(beams=100, most=most, penalty=0.0, unrepeated=0)
    best = search(language.first, language.advance, END, everything)[0]
    lines = [line for n in range(1, most + 1) for line in itertools.product((1, 2, 3), repeat=n)]
    oracle = max(lines, key=language.total)
    assert best.score == pytest.approx(language.total(oracle), abs=1e-4)


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 10_000), st.integers(1, 5), st.integers(1, 9), st.integers(2, 3))
def test_lines_are_short_enough_sorted_different_and_do_not_repeat(seed, beams, most, unrepeated):
    language = Language(seed)
    settings_ = Search(beams, most, 0.7, unrepeated)
    found = search(language.first, language.advance, END, settings_)
    assert 1 <= len(found) <= beams
    assert [line.score for line in found] == sorted((line.score for line in found), reverse=True)
    assert len({line.pieces for line in found}) == len(found)
    for line in found:
        assert len(line.pieces) <= most
        assert END not in line.pieces
        grams = [
            line.pieces[at : at + unrepeated] for at in range(len(line.pieces) - unrepeated + 1)
        ]
        assert len(set(grams)) == len(grams)


def test_one_beam_takes_the_best_piece_each_time():
    language = Language(5)
    [line] = search(language.first, language.advance, END, Search(1, 6, 0.0, 0))
    first = language.first.clone()
    first[END] = -torch.inf
    greedy = [int(first.argmax())]
    while len(greedy) < 6 and int(language.table[greedy[-1]].argmax()) != END:
        greedy.append(int(language.table[greedy[-1]].argmax()))
    assert list(line.pieces) == greedy


def test_it_is_found_the_same_way_every_time():
    language = Language(3)
    runs = [search(language.first, language.advance, END, Search(4, 8)) for _ in range(3)]
    assert runs[0] == runs[1] == runs[2]
