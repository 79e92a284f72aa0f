"""The bundled head writes for what it has learnt about, and says what it rests on."""

import re

import numpy as np
import pytest

from embedstore import encoders
from embedstore.answering.citations import citations
from embedstore.answering.head.generator import HeadGenerator
from embedstore.answering.types import Evidence, Prompt

DOGS = (
    "A brown dog runs through the grass with a ball in its mouth .",
    "A dog is running across a grassy field .",
    "Two dogs play with a ball in the green grass .",
    "A black and white dog jumps over the grass to catch a ball .",
    "A dog with a red collar runs in a field .",
)


@pytest.fixture(scope="module")
def head():
    return HeadGenerator()


def prompt(*captions, question=None, answers=()):
    """What a search for a picture of such things gives; the words stand for the picture."""
    vectors = encoders.load("mini", "cpu").encode_texts(list(captions))
    picture = vectors.mean(0) / np.linalg.norm(vectors.mean(0))
    found = tuple(
        Evidence(f"k{place}", (text,), 0.7, question, tuple(answers), vector=vector)
        for place, (text, vector) in enumerate(zip(captions, vectors, strict=True))
    )
    return Prompt(found, question, vector=picture)


def test_it_captions_what_it_knows_and_cites(head):
    asked = prompt(*DOGS)
    draft = head.generate([asked])[0]
    assert draft.writer is None  # consensus would say a neighbour's words
    words = set(re.findall(r"\w+", draft.text.lower()))
    assert words & {"dog", "dogs"}
    assert words & {"grass", "field", "grassy"}
    assert citations(asked.evidence, draft.support)


def test_it_answers_what_the_neighbours_were_asked(head):
    told = prompt(*["what is on the desk"] * 4, question="what is on the desk", answers=["lamp"])
    draft = head.generate([told])[0]
    assert draft.text == "lamp"
    assert citations(told.evidence, draft.support)


def test_what_it_never_learnt_about_is_left_to_consensus(head):
    strange = prompt(
        "Quarterly amortisation schedule of subordinated debentures",
        "Amortisation of the debenture tranche by quarter",
        "Subordinated tranche, coupon schedule and amortisation",
    )
    assert head.generate([strange])[0].writer == "consensus"
