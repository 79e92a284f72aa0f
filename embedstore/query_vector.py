"""A query into one unit vector: words, pictures and items, added and subtracted."""

import logging
import math
from collections.abc import Callable, Sequence

import numpy as np

from embedstore.corpus import images
from embedstore.diversity import MOST_HITS as MOST_DIVERSE
from embedstore.errors import BadQuery
from embedstore.query_form import check_types
from embedstore.types import Encoder, Query, Vectors

WITHOUT_WEIGHT = 0.5  # a negative term steers; at full weight it would outvote what is wanted
MAX_HITS = 10_000

log = logging.getLogger("embedstore")


def check(query: Query) -> None:
    """Refuse a query that says nothing or asks for the impossible.

    Raises:
        BadQuery: Names the part that is wrong and what was expected.
    """
    check_types(query)
    if not 1 <= query.k <= MAX_HITS:
        raise BadQuery(f"k is {query.k}; expected 1 to {MAX_HITS}")
    if not 0.0 <= query.text_weight <= 1.0:
        raise BadQuery(f"text_weight is {query.text_weight}; expected 0 to 1")
    if query.target not in ("image", "text", "both"):
        raise BadQuery(f"target is {query.target!r}; expected image, text or both")
    if query.text is not None and not query.text.strip():
        raise BadQuery("the query text is empty; type some words")
    if query.text is not None and query.vector is not None:
        raise BadQuery(
            "both text and vector are given; the vector stands in for the text: give one"
        )
    if query.text is None and query.image is None and query.like is None and query.vector is None:
        raise BadQuery("the query is empty; give text, image, like (an item's key) or vector")
    _check_what_is_left_out(query)


def _check_what_is_left_out(query: Query) -> None:
    if not 0.0 <= query.diversity <= 1.0:
        raise BadQuery(f"diversity is {query.diversity}; expected 0 to 1")
    if query.diversity > 0.0 and query.k > MOST_DIVERSE:
        raise BadQuery(
            f"k is {query.k} with diversity; expected 1 to {MOST_DIVERSE}, or diversity 0"
        )
    least = query.min_score
    if least is not None and not math.isfinite(least):
        raise BadQuery(f"min_score is {least}; expected a finite number, such as 0.25")
    if least is not None and query.target == "both":
        raise BadQuery(
            "min_score is given and target is both, which fuses ranks and not scores; "
            "choose target image or text"
        )
    if query.min_probability is None:
        return
    if not 0.0 <= query.min_probability <= 1.0:
        raise BadQuery(f"min_probability is {query.min_probability}; expected 0 to 1")
    if not is_words_for_pictures(query):
        raise BadQuery(
            "min_probability is measured for words that look for pictures, and this query is "
            "another; use min_score, or give text alone with target image"
        )


def is_words_for_pictures(query: Query) -> bool:
    """Say whether a query is of words alone, none to steer away from, that look for pictures."""
    return query.target == "image" and is_words(query)


def is_words(query: Query) -> bool:
    """Say whether a query is of words alone, and none to steer away from."""
    return share_of_text(query) == 1.0 and not (query.without or query.unlike)


def scores_all(query: Query) -> bool:
    """Say whether every item is scored for a query, whatever the index."""
    return query.min_score is not None or query.min_probability is not None


def share_of_text(query: Query) -> float:
    """Say how much of a query is words, 0..1."""
    if query.text is None and query.vector is None:
        return 0.0
    return 1.0 if query.image is None and query.like is None else query.text_weight


def query_vector(
    query: Query,
    encoder: Callable[[], Encoder],
    prompts: Sequence[str],
    stored: Callable[[str], Vectors],
    dim: int,
) -> Vectors:
    """Compose the vector of a query.

    Args:
        query: A checked query.
        encoder: Gives the encoder; called only where something must be encoded.
        prompts: Templates for `query.text`; their vectors are averaged.
        stored: Gives the unit vector `(d,)` of the item with a key.
        dim: Dimension of the space.

    Returns:
        `(d,)`, of unit length.

    Raises:
        BadQuery: The vector has the wrong dimension or a NaN, or the parts cancel out.
    """
    words = _words(query, encoder, prompts, dim)
    if words is not None and is_words(query):
        return words
    pictures = []
    if query.image is not None:
        ready = encoder()
        pictures.append(ready.encode_images([images.load(query.image, ready.preprocess)])[0])
    if query.like is not None:
        pictures.append(stored(query.like))
    share = share_of_text(query)
    total = np.zeros(dim, np.float32)
    if words is not None:
        total += share * words
    if pictures:
        total += (1.0 - share) * np.mean(pictures, axis=0)
    if query.without:
        total -= WITHOUT_WEIGHT * encoder().encode_texts(list(query.without)).mean(axis=0)
    if query.unlike:
        total -= WITHOUT_WEIGHT * np.mean([stored(key) for key in query.unlike], axis=0)
    return _unit(total)


def _words(
    query: Query, encoder: Callable[[], Encoder], prompts: Sequence[str], dim: int
) -> Vectors | None:
    if query.vector is not None:
        vector = np.asarray(query.vector, np.float32).reshape(-1)
        if vector.shape != (dim,) or not np.isfinite(vector).all():
            raise BadQuery(
                f"the query vector has shape {np.shape(query.vector)}"
                f"{'' if np.isfinite(vector).all() else ' and NaN or infinity'}; "
                f"expected {dim} finite numbers, made by this collection's encoder"
            )
        if not vector.any():
            raise BadQuery(
                "the query vector is all zeros, which is nearest to nothing; expected what this "
                "collection's encoder makes"
            )
        return _unit(vector)
    if query.text is None:
        return None
    ready = encoder()
    if ready.overlong([query.text])[0]:
        log.warning("the query is longer than the encoder's context; its end is ignored")
    texts = [prompt.replace("{}", query.text) for prompt in prompts]
    return _unit(ready.encode_texts(texts).mean(axis=0))


def _unit(vector: Vectors) -> Vectors:
    exact = vector.astype(np.float64)  # large numbers, squared, are inf
    norm = math.sqrt(float(exact @ exact))
    if norm < 1e-6:
        raise BadQuery("the parts of the query cancel each other out; change a weight or a term")
    return (vector / norm).astype(np.float32)
