"""How sure answers are, measured on a collection of one's own."""

from dataclasses import replace

import numpy as np
import pytest

from embedstore import Item
from embedstore.answering.answerer import Answerer, Settings
from embedstore.answering.kept import keep, known
from embedstore.answering.measuring import measure_answers
from embedstore.errors import Invalid

COLOURS = ("red", "blue", "green", "yellow")
ANY = Settings(min_score=-1.0)  # what looks the same is left out, and little else is near


@pytest.fixture
def street(store, picture):
    """Doors that are captioned by their colour, and questions whose answers often differ."""
    made = store.create("street", "toy")
    rng = np.random.default_rng(1)
    made.add(
        Item(
            f"{at}",
            picture(f"{at}", COLOURS[at % 4], at),
            (f"a wooden {COLOURS[at % 4]} door of a house number {at}",),
        )
        for at in range(120)
    )
    made.add(
        Item(
            f"q{at}",
            None,
            (f"what colour is door {at % 30}",),
            {"answers": [str(rng.choice(COLOURS[: 1 + at % 2]))]},
        )
        for at in range(130)
    )
    return made


def test_each_item_is_judged_without_itself_and_it_is_kept(street, store):
    assert Answerer(street, "consensus", ANY).confidence("caption") is None
    done = []
    found = measure_answers(
        Answerer(street, "consensus", ANY), told=lambda *each: done.append(each)
    )
    assert set(found) == {("consensus", "caption"), ("consensus", "ask")}
    assert done[-1] == (250, 250)
    caption = found["consensus", "caption"]
    assert caption.n > 0
    assert caption.space == street.info.space.fingerprint
    answerer = Answerer(store.collection("street"), "consensus")
    assert answerer.confidence("caption") == caption
    assert answerer.ask("what colour is door 3").confidence is not None
    keep(street, {of: replace(each, space="another") for of, each in found.items()})
    assert known(street, "consensus", "caption") is None


def test_no_item_is_evidence_for_itself_and_a_picture_that_is_gone_is_passed_over(street, tmp_path):
    shown = []
    for at in range(10):
        (tmp_path / "pictures" / f"{at}.png").unlink()

    class Watched:
        name = "watched"

        def generate(self, prompts):
            shown.extend(prompts)
            return Answerer(street, "consensus", ANY).generator.generate(prompts)

    measure_answers(Answerer(street, Watched(), ANY), most=120)
    assert len(shown) == 230
    for prompt in shown:
        if prompt.image is not None:
            assert prompt.image.stem not in {each.key for each in prompt.evidence}


def test_too_little_is_one_line_and_keeps_nothing(doors):
    with pytest.raises(Invalid, match="expected 100 at least"):
        measure_answers(Answerer(doors, "consensus"))
    assert known(doors, "consensus", "caption") is None


def test_too_little_is_told_before_anything_is_asked(doors):
    asked = []
    with pytest.raises(Invalid, match="expected 100 at least"):
        measure_answers(Answerer(doors, "consensus"), told=lambda *done: asked.append(done))
    assert not asked
