"""Why a filter allows nothing: values of another type than those it compares with."""

import json
from collections.abc import Iterator
from functools import reduce

from embedstore.catalog import Catalog, CollectionInfo
from embedstore.catalog.conditions import (
    Both,
    Compare,
    Condition,
    Contains,
    Kind,
    Not,
    OneOf,
    Scalar,
    kind_of,
)
from embedstore.catalog.filters import parse
from embedstore.catalog.metadata import Path, spell

SAMPLE = 1_000  # items whose values are looked at
_NAMES = {
    "string": "text",
    "number": "numbers",
    "boolean": "true or false",
    "array": "lists",
    "object": "objects",
    "null": "null",
}


def type_hint(catalog: Catalog, info: CollectionInfo, where: str) -> str | None:
    """Say which comparison of a filter can never hold, for the types of a field's values.

    Args:
        catalog: Holds the items.
        info: The collection.
        where: A filter that parses.

    Returns:
        What the field holds and how to compare with that; None where the types fit.
    """
    for field, literal, in_list in _compared(parse(where)):
        held = _kinds(catalog, info, field)
        wanted = "array" if in_list else kind_of(literal)
        if held and wanted not in held:
            holds = " and ".join(_NAMES[kind] for kind in sorted(held))
            return f"field {spell(field)} holds {holds}: {_instead(field, literal, held)}"
    return None


def _compared(condition: Condition) -> Iterator[tuple[Path, Scalar, bool]]:
    match condition:
        case Not(part):
            yield from _compared(part)
        case Both(parts):
            for part in parts:
                yield from _compared(part)
        case Compare(field, _, literal) if literal is not None:
            yield field, literal, False
        case OneOf(field, literals) if None not in literals:
            yield field, literals[0], False
        case Contains(field, literal):
            yield field, literal, True


def _kinds(catalog: Catalog, info: CollectionInfo, field: Path) -> set[Kind]:
    sample = catalog.page(info.id, 0, SAMPLE, f"exists({spell(field)})").values()
    return {kind_of(reduce(lambda value, name: value[name], field, item.meta)) for item in sample}


def _instead(field: Path, literal: Scalar, held: set[Kind]) -> str:
    shown, name = json.dumps(literal, ensure_ascii=False), spell(field)
    if "array" in held:
        return f"write {shown} in {name}"
    if "string" in held:
        return f"compare with text, such as {name} == {json.dumps(str(literal))}"
    if "number" in held:
        return f"compare with a number without quotes, such as {name} == 1"
    return f"a comparison with {shown} never holds; try exists({name})"
