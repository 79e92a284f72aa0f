"""The plug of the project's own head: prompts into drafts."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from embedstore.answering.agreement import Agree, agreement
from embedstore.answering.consensus import ConsensusGenerator
from embedstore.answering.head.beam import Line, search
from embedstore.answering.head.choosing import Fits, ranked
from embedstore.answering.head.citing import Judged, judge
from embedstore.answering.head.folder import BUNDLED, Stored, found, read
from embedstore.answering.head.knowing import familiarity
from embedstore.answering.head.layers import KeysValues
from embedstore.answering.head.model import Memory
from embedstore.answering.head.pointer import mixed
from embedstore.answering.head.sight import Sight, prefixed, sight
from embedstore.answering.types import Draft, Prompt
from embedstore.encoders.devices import one_thread

SIGNALS = ("copied", "margin", "least", "gain", "pieces", "in_evidence", "agreed", "fit")
_JUDGED = 3  # captions, before it is taken that none rests on a neighbour


class HeadGenerator:
    """The head as a generator.

    Each prompt is answered on its own, so that no other changes a bit of its answer.

    Args:
        folder: Of a head; None is the bundled one.

    Raises:
        NotFound: There is none.
        Corrupt: It is damaged.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._name = "head" if folder is None else f"head:{folder}"
        self._folder = found(BUNDLED if folder is None else folder)
        self._stored = read(self._folder)

    @property
    def name(self) -> str:
        """What `generators.load` takes."""
        return self._name

    @property
    def folder(self) -> Path:
        """Where the head lies, and how sure it may be."""
        return self._folder

    @property
    def space(self) -> str:
        """Fingerprint of the space whose vectors the head understands."""
        return self._stored.space

    def knows(self, prompt: Prompt) -> bool:
        """Say whether the neighbours speak of such things as the head has learnt to write of."""
        with torch.inference_mode():
            return self._knows(prompt, sight(self._stored, prompt))

    def generate(self, prompts: Sequence[Prompt]) -> list[Draft]:
        """Write one draft a prompt; where the head knows too little, `consensus` does.

        Raises:
            Invalid: Vectors are not of the dimension that the head was trained on.
        """
        # A line is thousands of short steps, in each of which a second thread is waited for
        with torch.inference_mode(), one_thread():
            return [self._written(prompt) for prompt in prompts]

    def _written(self, prompt: Prompt) -> Draft:
        seen = sight(self._stored, prompt)
        known = self._knows(prompt, seen)
        return written(self._stored, prompt, seen) if known else _stood_in(prompt)

    def _knows(self, prompt: Prompt, seen: Sight) -> bool:
        if self._stored.known is None:
            return True
        found = familiarity(self._stored, prompt, seen)
        return found is None or found >= self._stored.known


def _stood_in(prompt: Prompt) -> Draft:
    consensus = ConsensusGenerator()
    return replace(consensus.generate([prompt])[0], writer=consensus.name)


def draft(stored: Stored, prompt: Prompt) -> Draft:
    """Answer one prompt.

    Args:
        stored: The head.
        prompt: What is asked.
    """
    with torch.inference_mode():
        return written(stored, prompt, sight(stored, prompt))


def written(stored: Stored, prompt: Prompt, seen: Sight) -> Draft:
    """Answer one prompt that the head has read.

    Args:
        stored: The head.
        prompt: What is asked.
        seen: The prompt, as it was read.
    """
    silent = dict.fromkeys(SIGNALS, 0.0)
    none = (0.0,) * len(prompt.evidence)
    if not any(near.pieces for near in seen.shown.neighbours):
        return Draft("", none, 0.0, silent)
    agree = agreement(prompt.evidence, prompt.question)
    lines, judged = answered(stored, seen, agree, prompt.fits)
    best = lines[0]
    text = stored.vocabulary.decode(best.pieces)
    if not text:
        return Draft("", none, 0.0, silent)
    evidence = {piece for near in seen.shown.neighbours for piece in near.pieces}
    said = sum(piece in evidence for piece in best.pieces) / len(best.pieces)
    margin = best.score - lines[1].score if len(lines) > 1 else -best.score
    length = float(len(best.pieces))
    figures = (
        judged.gate,
        margin,
        judged.least,
        judged.gain,
        length,
        said,
        float(agree([text])[0]),
        best.fit,
    )
    support = (*judged.support, *none)[: len(prompt.evidence)]
    signals = dict(zip(SIGNALS, figures, strict=True))
    return Draft(text, support, min(0.0, judged.log_probability), signals)


def answered(
    stored: Stored, seen: Sight, agree: Agree | None = None, fits: Fits | None = None
) -> tuple[list[Line], Judged]:
    """Write the best lines; the first of a caption is the best that rests on a neighbour.

    Args:
        stored: The head.
        seen: What is asked and shown.
        agree: Says how far the neighbours say the same.
        fits: Scores texts with the picture.
    """
    head, vocabulary, memory = stored.head, stored.vocabulary, seen.memory
    settings = stored.captions if seen.question is None else stored.answers
    prefix = prefixed(stored, seen.question)
    writer = _Writer(stored, memory)
    found = search(writer.begin(prefix), writer.advance, vocabulary.end, settings)
    lines = ranked(found, vocabulary, settings, agree, fits)
    most = 1 if seen.question is not None else min(_JUDGED, len(lines))
    judged = [judge(head, memory, prefix, lines[0].pieces, vocabulary.end)]
    while not any(judged[-1].support) and len(judged) < most:
        judged.append(judge(head, memory, prefix, lines[len(judged)].pieces, vocabulary.end))
    chosen = len(judged) - 1 if any(judged[-1].support) else 0
    return [lines[chosen], *lines[:chosen], *lines[chosen + 1 :]], judged[chosen]


class _Writer:
    """Goes on with the beams of one prompt, and remembers the keys of what they wrote."""

    def __init__(self, stored: Stored, memory: Memory) -> None:
        self._head, self._memory = stored.head, memory
        self._past: list[KeysValues] = []

    def begin(self, prefix: Sequence[int]) -> Tensor:
        """Read the prefix; `(v,)` log-probabilities of the first piece."""
        return self._next(torch.tensor([[prefix]]), None)[0]

    def advance(self, parents: Sequence[int], newest: Sequence[int]) -> Tensor:
        """Write a piece on each beam; `(beams, v)` of the next."""
        rows = torch.tensor(parents)
        past = [(keys[rows], values[rows]) for keys, values in self._past]
        return self._next(torch.tensor(newest)[None, :, None], past)

    def _next(self, written: Tensor, past: list[KeysValues] | None) -> Tensor:
        states, pointed, self._past = self._head(written, self._memory, past)
        last = type(pointed)(pointed.gate[:, :, -1:], pointed.copy[:, :, -1:])
        spread = mixed(self._head.logits(states[:, :, -1:]), last, self._memory.pieces)
        return torch.log(spread[0, :, 0] + 1e-12)
