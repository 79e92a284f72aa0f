"""A large collection of made vectors, and requests for it."""

import json
from base64 import b64encode
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import embedstore
from benchmarks.store import made_vectors
from embedstore import Item

NAME = "made"
BATCH = 1_000
_SUBJECTS = ("dog", "child", "woman", "man", "bird", "horse", "boat", "car", "tree", "house")
_COLOURS = ("red", "blue", "green", "white", "black", "yellow", "brown", "grey", "pink", "orange")
_PLACES = ("on the beach", "in the snow", "at night", "in a street", "by a lake", "in a field")


def filled(place: Path, encoder_name: str, items: int, seed: int) -> int:
    """Make a store with one collection of made vectors, indexed.

    Returns:
        The dimension of its space.
    """
    with embedstore.open(place) as store:
        made = store.create(NAME, encoder_name)
        dim = made.info.space.dim
        vectors = made_vectors(items, dim, seed)
        for begin in range(0, items, BATCH):
            rows = range(begin, min(items, begin + BATCH))
            made.add_vectors([Item(f"item-{n}", meta={"n": n}) for n in rows],
                             image=vectors[rows.start : rows.stop])  # fmt: skip
        made.rebuild()
    return dim


def searches(vectors: np.ndarray, k: int) -> list[bytes]:
    """Give a request for each ready vector, in base64 as `/v1/embeddings` gives them."""
    return [
        posted("search", {"vector": b64encode(each.astype("<f4").tobytes()).decode(), "k": k})
        for each in vectors
    ]


def number_searches(vectors: np.ndarray, k: int) -> list[bytes]:
    """Give a request for each ready vector, as a list of numbers."""
    told = [[float(str(number)) for number in each.astype(np.float32)] for each in vectors]
    return [posted("search", {"vector": each, "k": k}) for each in told]


def sayings(amount: int, seed: int) -> list[str]:
    """Make texts as people ask for photos; no two are alike."""
    dice = np.random.default_rng(seed)
    words = [_COLOURS, _SUBJECTS, _PLACES]
    chosen = [[str(dice.choice(each)) for each in words] for _ in range(amount)]
    return [f"a {colour} {subject} {place}, number {number}"
            for number, (colour, subject, place) in enumerate(chosen)]  # fmt: skip


def word_searches(texts: Sequence[str], k: int) -> list[bytes]:
    """Give a request for each text."""
    return [posted("search", {"text": each, "k": k}) for each in texts]


def additions(amount: int) -> tuple[list[str], list[bytes]]:
    """Give keys of new items, and for each a request that stores it."""
    keys = [f"added-{number}" for number in range(amount)]
    told = [{"items": [{"key": key, "texts": [f"a note, number {key}"]}]} for key in keys]
    return keys, [posted("items", each) for each in told]


def posted(what: str, body: Mapping[str, Any]) -> bytes:
    """Give a request to the collection as it goes over the wire."""
    content = json.dumps(body).encode()
    return (
        f"POST /v1/collections/{NAME}/{what} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
    ).encode() + content
