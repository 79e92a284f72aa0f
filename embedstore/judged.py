"""How probably a collection's hits are relevant: its own captions ask, their pictures are right.

A caption was written for one picture, and only that one counts as relevant; others that fit it as
well count as wrong, so the probabilities err on the low side.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from embedstore.collection import Collection
from embedstore.expansion import HITS, expanded
from embedstore.hubness import NEAREST, WEIGHT
from embedstore.real_queries import words_as_asked
from embedstore.relevance import Reals, Relevance, calibration_error, curve
from embedstore.trial import LEAST_PICTURES, MOST_CAPTIONS, SAME, captioned, some_of
from embedstore.types import Vectors

DEPTH = 10  # hits of a caption that are judged
_BLOCK = 1 << 22  # scores held at once, several times over
_ROUNDING = 1e-6


def relevance_of(collection: Collection, bank: Vectors | None, expand: bool) -> Relevance | None:
    """Fit probabilities on the captions of every other picture; take the error on the rest.

    Args:
        collection: Holds pictures with captions.
        bank: `(m, d)` unit rows that are to correct the pictures; None where they are not.
        expand: Whether queries are to be expanded.

    Returns:
        What holds once this bank is in force, whose name it does not have yet; None where too few
        pictures have captions to tell.
    """
    held = captioned(collection)
    asking = some_of(len(held.captions), MOST_CAPTIONS)
    pictures, captions, owners = held.pictures, held.captions[asking], held.owners[asking]
    if len(np.unique(owners)) < LEAST_PICTURES:
        return None
    asked = _as_asked(collection, captions, held.rows[asking], held.parts[asking])
    scores, found = _searched(pictures, captions, asked, bank, expand)
    relevant = found == owners[:, None]  # (q, k)
    _, place = np.unique(owners, return_inverse=True)
    fit, held_out = place % 2 == 0, place % 2 == 1
    known, probabilities = curve(scores[fit].ravel(), relevant[fit].ravel())
    told = np.interp(scores[held_out].ravel(), known, probabilities)
    return Relevance(
        collection.info.space.fingerprint,
        None,
        tuple(known.tolist()),
        tuple(probabilities.tolist()),
        int(relevant[fit].size),
        float(relevant[fit].mean()),
        calibration_error(told, relevant[held_out].ravel()),
        len(captions),
        len(pictures),
    )


def _as_asked(
    collection: Collection,
    captions: Vectors,
    rows: NDArray[np.int64],
    parts: NDArray[np.int64],
) -> Vectors:
    """Give the vectors that captions have where a user types them, who meets the prompts."""
    if list(collection.info.options.get("prompts", ["{}"])) == ["{}"]:
        return captions
    items = collection.catalog.items(collection.info.id, rows.tolist())
    asked = captions.copy()
    known = [
        (place, items[row].texts[part])
        for place, (row, part) in enumerate(zip(rows.tolist(), parts.tolist(), strict=True))
        if row in items and part < len(items[row].texts)  # of vectors given without words
    ]
    if known:
        places, texts = zip(*known, strict=True)
        asked[list(places)] = words_as_asked(collection, texts)
    return asked


def _searched(
    pictures: Vectors, captions: Vectors, queries: Vectors, bank: Vectors | None, expand: bool
) -> tuple[Reals, NDArray[np.int64]]:
    """Search with every caption as a user would: scores `(q, k)` and places `(q, k)`, best first.

    The queries are the captions as a user's words are encoded. A caption that is in the bank is
    left out of it while it asks: what a user types is not in it.
    """
    depth = min(DEPTH, len(pictures))
    scores = np.empty((len(captions), depth))
    found = np.empty((len(captions), depth), np.int64)
    best = None if bank is None else _best_of_bank(pictures, bank)
    for rows in _blocks(len(captions), len(pictures)):
        asked = queries[rows]
        loss: NDArray[np.float32] | float = 0.0
        if bank is not None and best is not None:
            in_bank = (captions[rows] @ bank.T).max(axis=1) >= SAME
            loss = WEIGHT * _bias(best, captions[rows] @ pictures.T, in_bank)
        corrected = asked @ pictures.T - loss  # (b, n)
        if expand:
            first = _top(corrected, min(HITS, len(pictures)))
            moved = [expanded(each, pictures[of]) for each, of in zip(asked, first, strict=True)]
            corrected = np.stack(moved) @ pictures.T - loss
        found[rows] = _top(corrected, depth)
        scores[rows] = np.take_along_axis(corrected, found[rows], axis=1)
    return scores, found


def _best_of_bank(pictures: Vectors, bank: Vectors) -> NDArray[np.float32]:
    """Give each picture's best scores with the bank `(n, m)`, best first, one more than count."""
    many = min(NEAREST + 1, len(bank))
    best = np.empty((len(pictures), many), np.float32)
    for rows in _blocks(len(pictures), len(bank)):
        scores = np.partition(pictures[rows] @ bank.T, -many, axis=1)[:, -many:]
        best[rows] = -np.sort(-scores, axis=1)
    return best


def _bias(
    best: NDArray[np.float32], plain: Vectors, in_bank: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """Give what each query `(b,)` finds each picture to lose `(b, n)`, itself not being asked."""
    count = best.shape[1] - 1
    whole = best[:, :count].mean(axis=1)  # (n,)
    among = in_bank[:, None] & (plain >= best[:, count - 1] - _ROUNDING)
    bias: NDArray[np.float32] = np.where(among, (best.sum(axis=1) - plain) / count, whole)
    return bias


def _top(scores: NDArray[np.float32], k: int) -> NDArray[np.int64]:
    some = np.argpartition(-scores, k - 1, axis=1)[:, :k]
    order = np.argsort(-np.take_along_axis(scores, some, axis=1), axis=1, kind="stable")
    return np.take_along_axis(some, order, axis=1)


def _blocks(rows: int, columns: int) -> Iterator[slice]:
    step = max(1, _BLOCK // max(1, columns))
    return (slice(start, start + step) for start in range(0, rows, step))
