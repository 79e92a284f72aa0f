"""What the metadata fields of a collection hold, told by a sample spread over all its items."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import bindparam, select

from embedstore.catalog.among import among
from embedstore.catalog.conditions import Kind, Scalar, kind_of
from embedstore.catalog.filtered import Filtered
from embedstore.catalog.metadata import Path, spell
from embedstore.catalog.tables import items
from embedstore.catalog.values import FieldHeld, FieldsHeld

SAMPLE = 5_000  # items
FIELDS, VALUES = 100, 24  # that are told, the most usual
LONGEST = 100  # letters of a value that is told
_METAS = select(items.c.meta).where(among(items.c.row, bindparam("rows"))).order_by(items.c.row)


class FieldSample(Filtered):
    """The part of the catalog that tells what can be filtered by."""

    def sample_fields(self, collection_id: int, most: int = SAMPLE) -> FieldsHeld:
        """Tell what the metadata fields hold.

        Args:
            collection_id: Where.
            most: Items to look at; of more, every second, third, ... in the order of their rows.
        """
        rows = self.allowed(collection_id, None)
        some = rows[:: max(1, -(-len(rows) // most))].tolist()
        with self._database.glance() as connection:
            found = connection.scalars(_METAS, {"rows": self._database.listed(some)}).all()
        return FieldsHeld(len(rows), len(found), tuple(_told(map(json.loads, found))))


@dataclass
class _Seen:
    """What was seen of one field: how often each kind, and values by kind."""

    items: int = 0
    kinds: Counter[Kind] = field(default_factory=Counter)
    values: dict[Kind, Counter[Scalar]] = field(default_factory=dict)

    def see(self, value: Any) -> None:
        self.items += 1
        kind = kind_of(value)
        self.kinds[kind] += 1
        parts = list(dict.fromkeys(filter(_scalar, value))) if kind == "array" else [value]
        self.values.setdefault(kind, Counter()).update(parts)


def _told(metas: Iterable[Mapping[str, Any]]) -> Iterator[FieldHeld]:
    """Give the fields that the most items have; objects and null alone can be tested, no more."""
    seen: dict[Path, _Seen] = {}
    for meta in metas:
        for path, value in _leaves((), meta):
            seen.setdefault(path, _Seen()).see(value)
    for path, each in sorted(seen.items(), key=lambda one: -one[1].items)[:FIELDS]:
        kind = max(each.kinds, key=lambda kind: (kind != "null", each.kinds[kind]))
        if kind != "null":
            yield _field(spell(path), kind, each)


def _field(name: str, kind: Kind, seen: _Seen) -> FieldHeld:
    counts = seen.values[kind]
    told = [one for one in counts.most_common(VALUES) if len(str(one[0])) <= LONGEST]
    numbers: list[Any] = [value for value in counts if kind == "number"]
    ends: tuple[Any, Any] = (min(numbers), max(numbers)) if numbers else (None, None)
    return FieldHeld(name, kind, seen.items, len(counts), tuple(told), *ends)


def _leaves(path: Path, value: Any) -> Iterator[tuple[Path, Any]]:
    for name, part in value.items():
        if isinstance(part, dict):
            yield from _leaves((*path, name), part)
        else:
            yield (*path, name), part


def _scalar(value: Any) -> bool:
    return value is None or isinstance(value, str | int | float)
