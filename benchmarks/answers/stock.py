"""A collection in a store of its own, and what a generator is shown of it."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import click

from embedstore import store
from embedstore.answering.evidence import OwnGroup, gather
from embedstore.answering.reading import Words
from embedstore.answering.types import Evidence, Prompt
from embedstore.collection import Collection
from embedstore.types import Encoder, Item, Query, Vectors

_COMMIT = 1_000  # items
Ask = tuple[str | None, Path | None]  # a question, a picture


@contextmanager
def stocked(
    encoder: Encoder,
    items: Sequence[Item],
    images: Vectors | None = None,
    texts: Vectors | Sequence[Vectors] | None = None,
) -> Iterator[Collection]:
    """Store items whose vectors are made already.

    Args:
        encoder: Whose space they are of.
        items: What to store.
        images: `(n, d)` unit rows.
        texts: `(n, d)` unit rows, or for each item those of its texts.
    """
    with tempfile.TemporaryDirectory() as folder, store.open(folder) as opened:
        collection = opened.create("stock", encoder)
        for start in range(0, len(items), _COMMIT):
            part = slice(start, start + _COMMIT)
            collection.add_vectors(
                items[part],
                image=None if images is None else images[part],
                text=None if texts is None else texts[part],
            )
        yield collection


def prompts(collection: Collection, words: Words, asked: Sequence[Ask], k: int) -> list[Prompt]:
    """Find the neighbours for questions and pictures, none of which shows the picture itself."""
    own = OwnGroup()
    with click.progressbar(asked, label="searching", hidden=len(asked) < 100) as bar:
        return [
            gather(collection, words, question, image, k=k, leave_out=own)
            for question, image in bar
        ]


def prompts_of_vectors(
    collection: Collection, vectors: Vectors, held: dict[str, Vectors], k: int
) -> list[Prompt]:
    """Find the neighbours of pictures that are only vectors.

    Args:
        collection: Where to look.
        vectors: `(n, d)`, of the pictures.
        held: The vector of each item of the collection, by key.
        k: Neighbours wanted.
    """
    found = []
    for vector in vectors:
        hits = collection.search(Query(vector=vector, target="image", k=k))
        evidence = tuple(
            Evidence(hit.item.key, hit.item.texts, hit.score, vector=held[hit.item.key])
            for hit in hits
        )
        found.append(Prompt(evidence, vector=vector))
    return found


def shifted(found: Sequence[Prompt], by: int) -> list[Prompt]:
    """Show every prompt the neighbours of another one."""
    return [
        replace(each, evidence=found[(place + by) % len(found)].evidence)
        for place, each in enumerate(found)
    ]
