"""What the metadata fields of a collection hold, told by a sample spread over all its items."""

import json
import re
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
# Of metadata that is looked at, whatever people store: fields, values, letters
PATHS, LEAVES, LETTERS = 1_000, 100_000, 16 << 20
_BLANK = re.compile(r"[^\S ]")  # which a filter takes for a blank
_UNSPELT = re.compile(r"[\"\\\x00-\x1f]|[^\S ]")
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
            found = connection.scalars(_METAS, {"rows": self._database.listed(some)})
            seen, looked_at = _seen(found)
        return FieldsHeld(len(rows), looked_at, tuple(_told(seen)))


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
        counts = self.values.setdefault(kind, Counter())
        for part in parts:
            counts[part] += 1


def _seen(metas: Iterable[str]) -> tuple[dict[Path, _Seen], int]:
    """Look at metadata until it is enough, and give how many items that were."""
    seen: dict[Path, _Seen] = {}
    looked_at, leaves, letters = 0, 0, 0
    for written in metas:
        for path, value in _leaves((), json.loads(written)):
            leaves += 1
            if path in seen or (len(seen) < PATHS and all(map(_plain, path))):
                seen.setdefault(path, _Seen()).see(value)
        looked_at, letters = looked_at + 1, letters + len(written)
        if leaves > LEAVES or letters > LETTERS:
            break
    return seen, looked_at


def _told(seen: Mapping[Path, _Seen]) -> Iterator[FieldHeld]:
    """Give the fields that the most items have; objects and null alone can be tested, no more."""
    for path, each in sorted(seen.items(), key=lambda one: -one[1].items)[:FIELDS]:
        kind = max(each.kinds, key=lambda kind: (kind != "null", each.kinds[kind]))
        if kind != "null":
            yield _field(spell(path), kind, each)


def _field(name: str, kind: Kind, seen: _Seen) -> FieldHeld:
    counts = seen.values[kind]
    told = [one for one in counts.most_common(VALUES) if _short(one[0])]
    numbers: list[Any] = [value for value in counts if kind == "number"]
    ends: tuple[Any, Any] = (min(numbers), max(numbers)) if numbers else (None, None)
    return FieldHeld(name, kind, seen.items, len(counts), tuple(told), *ends)


def _leaves(path: Path, value: Any) -> Iterator[tuple[Path, Any]]:
    for name, part in value.items():
        if isinstance(part, dict):
            yield from _leaves((*path, name), part)
        else:
            yield (*path, name), part


def _plain(name: str) -> bool:
    """Say whether a filter can spell a name."""
    return bool(name) and _UNSPELT.search(name) is None


def _short(value: Scalar) -> bool:
    return len(str(value)) <= LONGEST and _BLANK.search(str(value)) is None


def _scalar(value: Any) -> bool:
    return value is None or isinstance(value, str | int | float)
