"""New things without new training: a made store is swapped for one of things never met."""

import re
from collections.abc import Callable, Sequence
from pathlib import Path

import click
import numpy as np
import torch

from benchmarks.answers.intervals import interval, told
from benchmarks.answers.made_encoder import MadeEncoder
from benchmarks.answers.made_head import NEIGHBOURS, learnt
from benchmarks.answers.made_world import COLOURS, Made, hold_out, worlds
from benchmarks.answers.options import on_made, written
from benchmarks.answers.stock import prompts_of_vectors, stocked
from embedstore.answering import generators
from embedstore.answering.head.folder import Stored
from embedstore.answering.head.generator import draft
from embedstore.answering.head.knowing import familiarity, least_familiar
from embedstore.answering.head.sight import sight
from embedstore.answering.types import Prompt
from embedstore.types import Item

Row = dict[str, object]
Captioner = Callable[[Prompt], str]
_ASKED_OF_EACH = 2  # pictures of a thing that are asked about; the other colours are stored


@click.command("store-swap")
@click.option("--things", default=300, show_default=True, help="To learn from.")
@click.option("--new", default=100, show_default=True, help="Things of the other store.")
@click.option("--steps", default=700, show_default=True, help="Of training.")
@on_made
def command(things: int, new: int, steps: int, seed: int, out: Path | None) -> None:
    """Train small heads on made things, swap the store for new things, and name those.

    Example: python -m benchmarks answers store-swap
    """
    torch.set_num_threads(1)
    known, unknown = worlds(seed, things, new)
    stored, asked = hold_out(unknown, _ASKED_OF_EACH, seed)
    shown = {"new": prompts(stored, asked, seed), "old": prompts(known, asked, seed)}
    heads = {
        "head": learnt(known, steps, seed),
        "head, no copying": learnt(known, steps, seed, copying=False),
        "head, concatenation": learnt(known, steps, seed, fusion="concatenation"),
        "head, always neighbours": learnt(known, steps, seed, alone=False),
    }
    familiar = prompts(*hold_out(known, _ASKED_OF_EACH, seed), seed)
    consensus = generators.load("consensus")
    sides: list[tuple[str, str, Captioner]] = [
        ("consensus", "new", lambda prompt: consensus.generate([prompt])[0].text)
    ]
    for name, head in heads.items():
        sides.append((name, "new", lambda prompt, head=head: draft(head, prompt).text))
    sides.append(("head", "old", lambda prompt: draft(heads["head"], prompt).text))
    table = [
        {"generator": name, "store": store}
        | scored([caption(prompt) for prompt in shown[store]], asked, seed)
        | ({"stands aside": aside(heads[name], familiar, shown[store])} if name in heads else {})
        for name, store, caption in sides
    ]
    result = {
        "title": "Store swap without training: made things in made colours",
        "table": table,
        "notes": [
            f"Learnt from {things:,} things in {len(COLOURS)} colours, {steps:,} steps; asked "
            f"about {len(asked.keys):,} pictures of {new:,} other things, which only the new "
            f"store holds, in colours other than those asked about; {NEIGHBOURS} neighbours. "
            "Always neighbours: trained without leaving all of them out now and then. Stands "
            "aside: share of the prompts that the head finds less familiar than 19 of 20 of its "
            "own world, in colours it was not shown; there consensus would answer."
        ],
    }
    words = ["store-swap", "--things", things, "--new", new, "--steps", steps]
    written("store-swap", result, words, seed, out)


def prompts(stored: Made, asked: Made, seed: int) -> list[Prompt]:
    """Store some pictures and find the neighbours of others."""
    fields = zip(stored.keys, stored.captions, strict=True)
    items = [Item(key, texts=(caption,)) for key, caption in fields]
    held = dict(zip(stored.keys, stored.vectors, strict=True))
    with stocked(MadeEncoder(seed), items, stored.vectors) as collection:
        return prompts_of_vectors(collection, asked.vectors, held, NEIGHBOURS)


def aside(head: Stored, familiar: Sequence[Prompt], shown: Sequence[Prompt]) -> float:
    """Say in what share of prompts a head takes itself not to know what they are about."""
    least = least_familiar(head, familiar)
    found = [familiarity(head, prompt, sight(head, prompt)) for prompt in shown]
    return float(np.mean([least is not None and one is not None and one < least for one in found]))


def scored(captions: Sequence[str], asked: Made, seed: int) -> Row:
    """Say how often captions name the thing, and its colour and no other."""
    said = [set(re.findall(r"\w+", caption.lower())) for caption in captions]
    named = [name in words for name, words in zip(asked.names, said, strict=True)]
    seen = [
        words.intersection(COLOURS) == {colour}
        for colour, words in zip(asked.colours, said, strict=True)
    ]
    return {
        "thing": float(np.mean(named)),
        "thing, 95% interval": told(interval(named, seed, asked.names)),
        "colour": float(np.mean(seen)),
        "colour, 95% interval": told(interval(seen, seed, asked.names)),
    }
