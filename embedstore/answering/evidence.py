"""What may be used to answer: neighbours with words, best first, without the query's own group."""

import re
from collections.abc import Collection as Container
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from embedstore.answering.reading import Said, Words, answers_of
from embedstore.answering.types import Evidence, Prompt
from embedstore.collection import Collection
from embedstore.duplicates import SCORE
from embedstore.errors import BadQuery
from embedstore.query_vector import MAX_HITS
from embedstore.searching import composed, ranked_rows
from embedstore.types import Item, Query, Target, Vectors

# Of the score of what is asked with both; with equal shares DAQUAR is answered less well
SHARES: Mapping[Target, float] = {"text": 0.65, "image": 0.35}
LOOK = 4  # times the hits wanted, for some have no words; so much further each time
LONGEST_QUESTION = 10_000  # characters; an encoder cuts what exceeds its context, and logs it


@dataclass(frozen=True)
class OwnGroup:
    """What counts as the thing that is asked about, and is no evidence for itself.

    A picture with the same bytes has the same vector, so it is near enough as well.

    Attributes:
        keys: Of items that are known to be it.
        score: Of a picture with the one asked about, from which on the two count as the same.
    """

    keys: Container[str] = ()
    score: float = SCORE


@dataclass(frozen=True)
class _Found:
    item: Item
    said: Said | None
    score: float
    picture_score: float  # with the picture that is asked about; -1 without one
    vector: Vectors


def gather(
    collection: Collection,
    words: Words,
    question: str | None = None,
    image: Path | bytes | None = None,
    *,
    k: int = 8,
    where: str | None = None,
    leave_out: OwnGroup | None = None,
) -> Prompt:
    """Find the neighbours that may be used to answer.

    A picture looks among pictures and a question among texts, each within its own cone. With both,
    an item's score is a mean of the two in which the question weighs more, 0 for what it lacks:
    ranks alone would put whatever fits one of them above what fits both well.

    Args:
        collection: Where to look.
        words: Says which words of an item count; an item without any is no evidence.
        question: Words of the question.
        image: The picture that is asked about, or for which a caption is wanted.
        k: Neighbours wanted; fewer only where no more have words.
        where: A filter over metadata.
        leave_out: The query's own group; None lets everything be evidence.

    Raises:
        BadQuery: Nothing is asked, the question is empty or too long, or k is out of range.
        BadFilter: `where` does not parse or names an unknown field.
        BadImage: The picture cannot be read.
    """
    queries = _queries(question, image, k, where)
    info = collection.info
    with collection.catalog.as_opened(info):
        vectors = {
            query.target: composed(query, collection.catalog, info, lambda: collection.encoder)[0]
            for query in queries
        }
        collection.indices.refresh()
        depth = min(LOOK * k, MAX_HITS)
        while True:
            nearest = _nearest(collection, queries, vectors, depth)
            found = _allowed(_scored(collection, nearest, vectors, words), leave_out)
            more = any(len(rows) == depth for rows in nearest.values())
            if len(found) >= k or not more or depth == MAX_HITS:
                break
            depth = min(LOOK * depth, MAX_HITS)
    evidence = tuple(_evidence(each) for each in found[:k])
    vector = vectors.get("image")
    encoder = None if vector is None else collection.encoder
    return Prompt(evidence, question, image, vector, encoder)


def near(prompt: Prompt, least: float) -> Prompt:
    """Leave out neighbours that score less, which are none."""
    return replace(prompt, evidence=tuple(e for e in prompt.evidence if e.score >= least))


def _queries(
    question: str | None, image: Path | bytes | None, k: int, where: str | None
) -> list[Query]:
    if not 1 <= k <= MAX_HITS:
        raise BadQuery(f"k is {k}; expected 1 to {MAX_HITS} neighbours")
    if question is not None and not question.strip():
        raise BadQuery("the question is empty; type some words")
    if question is not None and len(question) > LONGEST_QUESTION:
        raise BadQuery(
            f"the question has {len(question):,} characters; expected {LONGEST_QUESTION:,} at "
            "most; shorten it"
        )
    queries = []
    if image is not None:
        queries.append(Query(image=image, target="image", where=where))
    if question is not None:
        queries.append(Query(question, target="text", where=where))
    if not queries:
        raise BadQuery("nothing is asked; give a question, an image, or both")
    return queries


def _nearest(
    collection: Collection, queries: list[Query], vectors: Mapping[Target, Vectors], depth: int
) -> dict[Target, list[int]]:
    """Give the rows nearest to each query."""
    catalog, info, indices = collection.catalog, collection.info, collection.indices
    return {
        query.target: [
            each.row
            for each in ranked_rows(
                replace(query, k=depth), vectors[query.target], None, catalog, info, indices
            )
        ]
        for query in queries
    }


def _scored(
    collection: Collection,
    nearest: Mapping[Target, list[int]],
    vectors: Mapping[Target, Vectors],
    words: Words,
) -> list[_Found]:
    """Score rows exactly, whatever the index that found them; best first.

    A store without pictures, or without texts, is judged by what it has.
    """
    rows = dict.fromkeys(row for each in nearest.values() for row in each)
    asked = {target: vectors[target] for target, each in nearest.items() if each}
    items = collection.catalog.items(collection.info.id, list(rows))
    found = [_found(collection, row, item, asked, words) for row, item in items.items()]
    return sorted(found, key=lambda each: (-each.score, each.item.key))


def _found(
    collection: Collection, row: int, item: Item, vectors: Mapping[Target, Vectors], words: Words
) -> _Found:
    held: dict[Target, Vectors] = {
        "image": collection.indices.vectors_of("image", [row]),
        "text": collection.indices.vectors_of("text", [row]),
    }
    scores = {
        target: held[target] @ vector if len(held[target]) else np.zeros(1, np.float32)
        for target, vector in vectors.items()
    }
    fits = scores["text"] if "text" in scores else held["text"] @ vectors["image"]
    part = int(np.argmax(fits)) if len(fits) else 0
    own = held["image"] if len(held["image"]) else held["text"][part:]
    return _Found(
        item,
        words(item if answers_of(item) else _matched_first(item, part)),
        _mean({target: float(each.max()) for target, each in scores.items()}),
        float(scores["image"].max()) if "image" in scores and len(held["image"]) else -1.0,
        own[0] if len(own) else np.zeros(collection.info.space.dim, np.float32),
    )


def _mean(scores: Mapping[Target, float]) -> float:
    return float(np.average(list(scores.values()), weights=[SHARES[each] for each in scores]))


def _matched_first(item: Item, part: int) -> Item:
    texts = item.texts[part : part + 1] + item.texts[:part] + item.texts[part + 1 :]
    return Item(item.key, item.image, texts, item.meta)


def _allowed(found: list[_Found], leave_out: OwnGroup | None) -> list[_Found]:
    """Leave out what says nothing and the query's own group.

    Of the group is also whatever has a caption of one of its pictures, word for word; two pictures
    of which the same is asked are not the same.
    """
    told = [each for each in found if each.said is not None]
    if leave_out is None:
        return told
    own = {
        each.item.key
        for each in found
        if each.item.key in leave_out.keys or each.picture_score >= leave_out.score
    }
    captions = {text for each in told if each.item.key in own for text in _captions(each)}
    return [each for each in told if each.item.key not in own and not captions & _captions(each)]


def _captions(found: _Found) -> set[str]:
    if found.said is None or found.said.answers:
        return set()
    return {" ".join(re.findall(r"\w+", text.casefold())) for text in found.said.texts}


def _evidence(found: _Found) -> Evidence:
    said = found.said or Said(())
    question = said.texts[0] if said.answers and said.texts else None
    return Evidence(
        found.item.key, said.texts, found.score, question, said.answers, vector=found.vector
    )
