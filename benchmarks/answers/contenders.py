"""The generators that are compared; one whose weights are not here is left out, and said so."""

from collections.abc import Sequence
from pathlib import Path

import click

from embedstore.answering import generators
from embedstore.answering.types import Generator, Prompt
from embedstore.errors import NotFound, Unavailable

HEAD = "head"
BATCH = 64  # prompts at once


def trained(folders: Sequence[Path]) -> list[Generator]:
    """Load the heads of some folders, or the bundled one; none where it is not here."""
    names = [f"{HEAD}:{folder}" for folder in folders] or [HEAD]
    try:
        return [generators.load(name) for name in names]
    except (NotFound, Unavailable) as error:
        click.echo(f"left out: {', '.join(names)}: {error}")
        return []


def texts(generator: Generator, prompts: Sequence[Prompt], label: str) -> list[str]:
    """Write one text a prompt."""
    starts = range(0, len(prompts), BATCH)
    with click.progressbar(starts, label=label, hidden=len(prompts) < 2 * BATCH) as bar:
        drafts = [d for start in bar for d in generator.generate(prompts[start : start + BATCH])]
    return [draft.text for draft in drafts]
