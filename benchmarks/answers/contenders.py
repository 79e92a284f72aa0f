"""The generators that are compared, and the drafts they write."""

from collections.abc import Iterator, Sequence

import click

from benchmarks.answers.asked_heads import Alone, Trained
from benchmarks.answers.plain import Nearest
from benchmarks.answers.stock import shifted
from embedstore.answering import generators
from embedstore.answering.types import Draft, Generator, Prompt

BATCH = 64  # prompts at once


def drafts(generator: Generator, prompts: Sequence[Prompt], label: str) -> list[Draft]:
    """Write one draft a prompt."""
    starts = range(0, len(prompts), BATCH)
    with click.progressbar(starts, label=label, hidden=len(prompts) < 2 * BATCH) as bar:
        return [d for start in bar for d in generator.generate(prompts[start : start + BATCH])]


def untrained() -> list[Generator]:
    """Give the generators that learnt nothing."""
    return [Nearest(), generators.load("consensus")]


def written(shown: Sequence[Prompt], trained: Sequence[Trained]) -> Iterator[tuple[str, list[str]]]:
    """Name each way of answering and give its texts, once for each trained head.

    Args:
        shown: What is asked, with its neighbours.
        trained: Heads, one for each seed.
    """
    for generator in untrained():
        yield generator.name, _texts(generator, shown, generator.name)
    other = "head, neighbours of another"
    for head in trained:
        yield "head", _texts(head.generator, shown, "head")
        yield Alone.name, _texts(Alone(head.stored), shown, Alone.name)
        yield other, _texts(head.generator, shifted(shown, len(shown) // 2), other)


def _texts(generator: Generator, shown: Sequence[Prompt], label: str) -> list[str]:
    return [draft.text for draft in drafts(generator, shown, label)]
