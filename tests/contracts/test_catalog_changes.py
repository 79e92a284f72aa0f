"""A reader that applies changes, whenever it looks, holds what a scan gives."""

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from embedstore.catalog import Catalog, NewRow
from embedstore.types import Item, Space, Vectors

DIM = 8
SPACE = Space("toy", "w", "p", DIM)


def unit(seed: int, count: int = 1) -> Vectors:
    made = np.random.default_rng(seed).standard_normal((count, DIM)).astype(np.float32)
    return made / np.linalg.norm(made, axis=1, keepdims=True)


def new(key: str, seed: int = 0, **meta: object) -> NewRow:
    return NewRow(Item(key, None, (), meta), unit(seed))


class Follower:
    """A reader that keeps up with one collection."""

    def __init__(self, catalog: Catalog, collection: int) -> None:
        self.catalog, self.collection = catalog, collection
        self.since = -1
        self.held: dict[int, Vectors] = {}

    def catch_up(self) -> None:
        changes = self.catalog.changes(self.collection, "image", self.since)
        if self.since < changes.purged_seq:  # its deletions may be forgotten: start anew
            self.held.clear()
            changes = self.catalog.changes(self.collection, "image", -1)
        self.held |= dict(zip(changes.ids.tolist(), changes.vectors, strict=True))
        for row in changes.removed.tolist():
            self.held.pop(row, None)
        self.since = changes.seq


OPERATIONS = st.lists(
    st.tuples(
        st.sampled_from(["put", "delete", "purge", "look"]),
        st.lists(st.sampled_from("abcdef"), max_size=3),
    ),
    max_size=12,
)


def apply(
    catalog: Catalog,
    collection: int,
    follower: Follower,
    operations: list[tuple[str, list[str]]],
) -> dict[str, Vectors]:
    truth: dict[str, Vectors] = {}
    for step, (operation, keys) in enumerate(operations):
        if operation == "put":
            catalog.put(collection, [new(key, step) for key in keys])
            truth |= dict.fromkeys(keys, unit(step)[0].astype(np.float16).astype(np.float32))
        elif operation == "delete":
            catalog.delete(collection, keys)
            truth = {key: vector for key, vector in truth.items() if key not in keys}
        elif operation == "purge":
            catalog.purge(collection, catalog.seq(collection)[0])
        else:
            follower.catch_up()
    return truth


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(operations=OPERATIONS)
def test_changes_add_up_to_a_scan(
    catalog: Catalog, operations: list[tuple[str, list[str]]]
) -> None:
    here = catalog.create(f"law-{len(catalog.collections())}", SPACE, {}).id
    follower = Follower(catalog, here)
    truth = apply(catalog, here, follower, operations)
    follower.catch_up()
    seq, ids, vectors = catalog.scan(here, "image")
    assert seq == follower.since
    assert sorted(follower.held) == ids.tolist()
    for row, vector in zip(ids.tolist(), vectors, strict=True):
        np.testing.assert_array_equal(follower.held[row], vector)
    found = {item.key: row for row, item in catalog.items(here, ids.tolist()).items()}
    assert found.keys() == truth.keys()
    for key, row in found.items():
        np.testing.assert_array_equal(follower.held[row], truth[key])
