"""Queries that people ask, encoded: what options and promises are measured with."""

from collections.abc import Sequence

import numpy as np

from embedstore.collection import Collection
from embedstore.errors import Invalid
from embedstore.trial import some_of
from embedstore.types import Vectors


def encoded(collection: Collection, queries: Sequence[str], least: int, most: int) -> Vectors:
    """Encode different queries as the collection's searches do.

    Args:
        collection: Its encoder and prompts are used.
        queries: Words; empty and repeated ones are passed over.
        least: Different ones needed.
        most: More are drawn from at random, always the same.

    Returns:
        `(q, d)` unit rows, rounded to float16 as a catalog keeps them.

    Raises:
        Invalid: Fewer than `least`.
    """
    texts = list(dict.fromkeys(each.strip() for each in queries if each.strip()))
    if len(texts) < least:
        raise too_few(len(texts), least)
    texts = [texts[place] for place in some_of(len(texts), most)]
    return words_as_asked(collection, texts).astype(np.float16).astype(np.float32)


def words_as_asked(collection: Collection, texts: Sequence[str]) -> Vectors:
    """Encode texts as a search does, through the collection's prompts; `(n, d)`."""
    prompts = collection.info.options.get("prompts", ("{}",))
    encode = collection.encoder.encode_texts
    total = np.sum(
        [encode([prompt.replace("{}", text) for text in texts]) for prompt in prompts], 0
    )
    unit: Vectors = total / np.linalg.norm(total, axis=1, keepdims=True)
    return unit


def too_few(found: int, least: int) -> Invalid:
    """Give the error for too few queries."""
    return Invalid(
        f"{found} queries; expected at least {least} different ones; give a query log with "
        "--queries FILE, or index pictures with captions"
    )
