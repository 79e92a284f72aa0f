"""A head tells what it has learnt about from what it has not."""

from dataclasses import replace

import pytest
import torch

from embedstore.answering.head import folder as folders
from embedstore.answering.head.generator import HeadGenerator
from embedstore.answering.head.knowing import familiarity, least_familiar
from embedstore.answering.head.shown import shown
from embedstore.answering.head.sight import sight
from embedstore.answering.types import Evidence, Prompt
from embedstore.training.head.examples import Lesson
from embedstore.training.head.lessons import batch_of
from embedstore.training.head.loss import loss

from .conftest import CAPTIONS, evidence, tiny, vector


def prompts(*groups):
    return [
        Prompt(evidence(*texts, start=at), vector=vector(at)) for at, texts in enumerate(groups)
    ]


def familiar(stored, prompt):
    return familiarity(stored, prompt, sight(stored, prompt))


@pytest.fixture(scope="module")
def learnt(vocabulary):
    """A head that has learnt the captions, and to whom all else is foreign."""
    stored = tiny(vocabulary)
    head = stored.head.train()
    optimizer = torch.optim.AdamW(head.parameters(), lr=3e-3)
    said = [((vocabulary.caption,), (*vocabulary.encode(c, 20), vocabulary.end)) for c in CAPTIONS]
    seen = [shown(p, vocabulary, head.config) for p in prompts(*([c] for c in CAPTIONS))]
    batch = batch_of(
        [Lesson(one, (line,)) for one, line in zip(seen, said, strict=True)],
        head.config,
        vocabulary,
    )
    for _ in range(60):
        optimizer.zero_grad()
        loss(head, batch, 0.0)[0].backward()
        optimizer.step()
    return replace(stored, head=head.eval())


def test_what_it_learnt_is_more_familiar_than_what_it_did_not(learnt):
    known = [familiar(learnt, one) for one in prompts(*([c] for c in CAPTIONS))]
    strange = [
        familiar(learnt, one)
        for one in prompts(["green the wide field in"], ["what what it"], ["woman boat car a"])
    ]
    assert max(strange) < min(known) <= 0


def test_only_captions_count_and_the_nearest_three_of_them(learnt):
    asked = Evidence("q", ("what is it",), 0.5, "what is it", ("dog",))
    assert familiar(learnt, Prompt((asked,))) is None
    assert familiar(learnt, Prompt(evidence("", " "))) is None
    assert familiar(learnt, Prompt(())) is None
    assert familiar(learnt, Prompt((asked, *evidence(CAPTIONS[0])))) is not None


def test_a_twentieth_of_what_is_known_counts_as_unknown(learnt):
    some = prompts(*([c] for c in CAPTIONS * 5))
    least = least_familiar(learnt, some)
    assert least is not None
    below = sum(familiar(learnt, one) < least for one in some)
    assert below == pytest.approx(0.05 * len(some), abs=2)
    assert least_familiar(learnt, some[:10]) is None  # too few to say


def test_the_generator_knows_what_its_folder_says(learnt, tmp_path):
    near, far = prompts([CAPTIONS[0]], ["green the wide field in"])
    for known, said in ((None, (True, True)), (0.0, (False, False)), (-2.0, (True, False))):
        folders.write(tmp_path / "head", replace(learnt, known=known))
        generator = HeadGenerator(tmp_path / "head")
        assert (generator.knows(near), generator.knows(far)) == said
        assert generator.knows(Prompt(()))


def test_consensus_stands_in_for_what_the_head_does_not_know(learnt, tmp_path):
    near, far = prompts([CAPTIONS[0]], ["green the wide field in"])
    folders.write(tmp_path / "head", replace(learnt, known=-2.0))
    known, strange = HeadGenerator(tmp_path / "head").generate([near, far])
    assert known.writer is None
    assert (strange.text, strange.writer) == ("green the wide field in", "consensus")
    assert strange.support == (1.0,)
