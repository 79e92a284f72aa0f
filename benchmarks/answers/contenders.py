"""The generators that are compared, and the drafts they write."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from benchmarks.answers.asked_heads import Alone, loaded
from benchmarks.answers.plain import Nearest
from benchmarks.answers.stock import shifted
from embedstore.answering import generators
from embedstore.answering.head.generator import HeadGenerator
from embedstore.answering.types import Draft, Generator, Prompt

BATCH = 64  # prompts at once


def trained(folders: Sequence[Path]) -> list[Generator]:
    """Load the heads of some folders, or the bundled one; none, and a message, where it lacks."""
    if not loaded(folders):
        return []
    return [HeadGenerator(folder) for folder in folders or [None]]


def drafts(generator: Generator, prompts: Sequence[Prompt], label: str) -> list[Draft]:
    """Write one draft a prompt."""
    starts = range(0, len(prompts), BATCH)
    with click.progressbar(starts, label=label, hidden=len(prompts) < 2 * BATCH) as bar:
        return [d for start in bar for d in generator.generate(prompts[start : start + BATCH])]


def untrained() -> list[Generator]:
    """Give the generators that learnt nothing."""
    return [Nearest(), generators.load("consensus")]


def written(shown: Sequence[Prompt], folders: Sequence[Path]) -> Iterator[tuple[str, list[str]]]:
    """Name each way of answering and give its texts, once for each trained head.

    Args:
        shown: What is asked, with its neighbours.
        folders: Of heads.
    """
    for generator in untrained():
        yield generator.name, _texts(generator, shown, generator.name)
    other = "head, neighbours of another"
    for stored, head in zip(loaded(folders), trained(folders), strict=True):
        yield "head", _texts(head, shown, "head")
        yield Alone.name, _texts(Alone(stored), shown, Alone.name)
        yield other, _texts(head, shifted(shown, len(shown) // 2), other)


def _texts(generator: Generator, shown: Sequence[Prompt], label: str) -> list[str]:
    return [draft.text for draft in drafts(generator, shown, label)]
