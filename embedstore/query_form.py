"""What a query is made of: words, a `Query`, or its fields by name; each of the right type."""

from dataclasses import fields, replace
from numbers import Integral, Real
from pathlib import Path
from typing import Any

import numpy as np

from embedstore.errors import BadQuery
from embedstore.types import Query

_FIELDS = tuple(each.name for each in fields(Query))
_NOTHING = type(None)
_MOST_TOLD = 200  # characters of a value
_TYPES: dict[str, tuple[tuple[type, ...], str]] = {
    "text": ((str, _NOTHING), "words"),
    "image": ((Path, bytes, _NOTHING), "a pathlib.Path, or the bytes of a picture"),
    "like": ((str, _NOTHING), "the key of an item"),
    "without": ((tuple, list), "several texts, such as ('people',)"),
    "unlike": ((tuple, list), "several keys of items, such as ('a.jpg',)"),
    "text_weight": ((float, Real), "a number from 0 to 1"),
    "target": ((str,), "image, text or both"),
    "k": ((int, Integral), "a whole number, such as 10"),
    "where": ((str, _NOTHING), "a filter as text, such as 'year >= 2020'"),
    "diversity": ((float, Real), "a number from 0 to 1"),
    "min_score": ((float, Real, _NOTHING), "a number, such as 0.25"),
    "min_probability": ((float, Real, _NOTHING), "a number from 0 to 1"),
}


def as_query(query: Query | str | None = None, **changes: Any) -> Query:
    """Give the query that is meant.

    Args:
        query: A `Query`, or words; None where the fields say it all.
        **changes: Fields of `Query` to change, such as `k=5` or `vector=row`.

    Raises:
        BadQuery: It is neither of them, or there is no such field.
    """
    unknown = [name for name in changes if name not in _FIELDS]
    if unknown:
        raise BadQuery(f"a query has no {unknown[0]}; expected one of {', '.join(_FIELDS)}")
    if isinstance(query, Query):
        return replace(query, **changes)
    if query is None:
        return Query(**changes)
    if not isinstance(query, str):
        raise BadQuery(
            f"the query is {_shown(query)}; expected words, a Query, or its fields by name: "
            "vector=... for a vector, image=... for a picture, like=... for an item's key"
        )
    if "text" in changes:
        raise BadQuery(f"words are given twice: {query!r} and {changes['text']!r}; give one")
    return Query(query, **changes)


def check_types(query: Query) -> None:
    """Refuse a query with a field of a type that it cannot have.

    Raises:
        BadQuery: Names the field, what it is and what was expected.
    """
    for name, (types, expected) in _TYPES.items():
        value = getattr(query, name)
        if not isinstance(value, types):
            raise BadQuery(f"{name} is {_shown(value)}; expected {expected}")
    for name in ("without", "unlike"):
        for value in getattr(query, name):
            if not isinstance(value, str):
                raise BadQuery(f"{name} holds {_shown(value)}; expected {_TYPES[name][1]}")
    if query.vector is not None:
        try:
            np.asarray(query.vector, np.float32)
        except (TypeError, ValueError) as error:
            raise BadQuery(
                f"vector is {_shown(query.vector)}; expected numbers, as an encoder makes them"
            ) from error


def _shown(value: object) -> str:
    plain = isinstance(value, str | int | float | _NOTHING)
    if not plain:
        return f"of type {type(value).__name__}"
    told = repr(value)
    return told if len(told) <= _MOST_TOLD else f"{told[:_MOST_TOLD]}..."
