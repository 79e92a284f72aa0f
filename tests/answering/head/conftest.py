"""A tiny head, untrained, and one that has learnt eight examples by heart."""

import numpy as np
import pytest
import torch

from embedstore.answering.head.beam import Search
from embedstore.answering.head.config import HeadConfig
from embedstore.answering.head.folder import Stored
from embedstore.answering.head.model import Head
from embedstore.answering.head.vocabulary import Vocabulary
from embedstore.answering.types import Evidence

NOUNS = ("dog", "cat", "horse", "bird", "man", "woman", "car", "boat")
CAPTIONS = tuple(f"a {noun} stands in the wide green field" for noun in NOUNS)


def vector(seed, dim=16):
    found = np.random.default_rng(seed).standard_normal(dim).astype(np.float32)
    return found / np.linalg.norm(found)


def evidence(*texts, start=0):
    return tuple(
        Evidence(f"k{place}", (text,), 0.5, vector=vector(place + start))
        for place, text in enumerate(texts)
    )


@pytest.fixture(scope="session", autouse=True)
def _one_thread():
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def vocabulary():
    return Vocabulary.learnt([*CAPTIONS, "what is it"] * 3, 400)


def tiny(vocabulary, fusion="attention"):
    torch.manual_seed(0)
    config = HeadConfig(
        vocabulary.pieces, 16, fusion, width=32, layers=2, heads=2, picture_tokens=2, dropout=0.0
    )
    search = Search(beams=3, most=12)
    return Stored(Head(config).eval(), vocabulary, search, search, "space")


@pytest.fixture(params=["attention", "concatenation"], scope="session")
def stored(request, vocabulary):
    return tiny(vocabulary, request.param)
