"""What the benchmarks ask of a head beyond what a generator does: ablations and scores of a text.

This scores a text with a memory of its own making, not with the pass in which a head confirms its
citations, so that the two can be compared.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import click
import torch

from embedstore.answering.generators import best_for
from embedstore.answering.head.folder import BUNDLED, Stored, read
from embedstore.answering.head.generator import HeadGenerator, answered
from embedstore.answering.head.pointer import log_probability
from embedstore.answering.head.shown import Shown
from embedstore.answering.head.sight import prefixed, seen, sight
from embedstore.answering.types import Draft, Generator, Prompt
from embedstore.errors import NotFound


@dataclass(frozen=True)
class Trained:
    """A head, and the generator that people use it as.

    Attributes:
        stored: The head with all it needs.
        generator: The same.
    """

    stored: Stored
    generator: Generator


def loaded(folders: Sequence[Path], space: str) -> list[Trained]:
    """Load the heads of some folders, else the bundled one if it reads vectors of the space."""
    if not folders and best_for(space) != "head":
        click.echo("left out: head: none is bundled for this encoder; name one with --heads")
        return []
    try:
        return [
            Trained(read(folder or BUNDLED), HeadGenerator(folder)) for folder in folders or [None]
        ]
    except NotFound as error:
        click.echo(f"left out: head: {error}")
        return []


class Alone:
    """A head that sees the picture and no neighbour, which as a generator it refuses to answer."""

    name = "head, no neighbours"

    def __init__(self, stored: Stored) -> None:
        self._stored = stored

    def generate(self, prompts: Sequence[Prompt]) -> list[Draft]:
        """Write one draft a prompt, whatever its evidence."""
        return [self._one(prompt) for prompt in prompts]

    def _one(self, prompt: Prompt) -> Draft:
        with torch.inference_mode():
            alone = seen(self._stored, Shown((), prompt.vector), prompt.question)
            lines, judged = answered(self._stored, alone)
        text = self._stored.vocabulary.decode(lines[0].pieces)
        return Draft(text, (0.0,) * len(prompt.evidence), min(0.0, judged.log_probability))


def log_probability_of(stored: Stored, prompt: Prompt, text: str) -> float:
    """Give the mean log-probability of the pieces of a text and its end, shown a prompt."""
    head, vocabulary = stored.head, stored.vocabulary
    prefix = prefixed(stored, prompt.question)
    line = vocabulary.encode(text, head.config.answer_pieces)
    targets = torch.tensor([[[*line, vocabulary.end]]])
    with torch.inference_mode():
        memory = sight(stored, prompt).memory
        states, pointed, _ = head(torch.tensor([[[*prefix, *line]]]), memory)
        start = len(prefix) - 1
        told = type(pointed)(pointed.gate[:, :, start:], pointed.copy[:, :, start:])
        logits = head.logits(states[:, :, start:])
        return float(log_probability(logits, told, memory.pieces, targets).mean())


def without(prompt: Prompt, place: int) -> Prompt:
    """Take one piece of evidence away."""
    return replace(prompt, evidence=prompt.evidence[:place] + prompt.evidence[place + 1 :])
