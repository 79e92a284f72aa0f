"""The law of promises, on both databases."""

from dataclasses import replace

import numpy as np
import pytest
from sqlalchemy import update

from embedstore.catalog import Catalog, NewRow, StoredPromise
from embedstore.catalog.tables import promises
from embedstore.errors import Corrupt, NotFound
from embedstore.types import Item, Space

SPACE = Space("toy", "w", "p", 4)
ASKED = {"recall": 0.95, "k": 10}


def rows(seed: int, n: int = 5) -> np.ndarray:
    made = np.random.default_rng(seed).standard_normal((n, 4))
    made /= np.linalg.norm(made, axis=1, keepdims=True)
    return made.astype(np.float16).astype(np.float32)


def test_a_promise_comes_back_as_it_was_kept_and_each_modality_has_its_own(
    catalog: Catalog,
) -> None:
    photos = catalog.create("photos", SPACE, {})
    assert catalog.promise(photos.id, "image") is None
    catalog.set_promise(photos, "image", StoredPromise(ASKED, rows(1)))
    catalog.set_promise(photos, "text", StoredPromise({**ASKED, "k": 3}, rows(2)))
    kept = catalog.promise(photos.id, "image")
    assert kept is not None
    assert kept.asked == ASKED
    np.testing.assert_array_equal(kept.queries, rows(1))
    catalog.set_promise(photos, "image", None)
    assert catalog.promise(photos.id, "image") is None
    other = catalog.promise(photos.id, "text")
    assert other is not None
    assert other.asked["k"] == 3


def test_a_promise_goes_with_its_collection(catalog: Catalog) -> None:
    photos = catalog.create("photos", SPACE, {})
    catalog.set_promise(photos, "image", StoredPromise(ASKED, rows(1)))
    catalog.drop("photos")
    assert catalog.promise(photos.id, "image") is None
    with pytest.raises(NotFound, match="is gone"):
        catalog.set_promise(photos, "image", StoredPromise(ASKED, rows(1)))


def test_damaged_queries_are_refused(catalog: Catalog) -> None:
    photos = catalog.create("photos", SPACE, {})
    catalog.set_promise(photos, "image", StoredPromise(ASKED, rows(1)))
    with catalog._database.write() as connection:
        connection.execute(update(promises).values(queries=b"\0" * 40))
    with pytest.raises(Corrupt, match="embedstore tune"):
        catalog.promise(photos.id, "image")


def test_some_captions_are_of_this_collection_and_the_same_each_time(catalog: Catalog) -> None:
    photos, other = (catalog.create(name, SPACE, {}) for name in ("photos", "other"))
    held = rows(3, 30)
    for info, part in ((photos, held[:20]), (other, held[20:])):
        catalog.put(
            info.id,
            [
                NewRow(Item(f"{n}", texts=("words",)), None, each[None])
                for n, each in enumerate(part)
            ],
        )
    catalog.put(photos.id, [NewRow(Item("picture only"), rows(4, 1), None)])
    some = catalog.some_captions(photos.id, 7, seed=1)
    assert some.shape == (7, 4)
    assert {each.tobytes() for each in some} <= {each.tobytes() for each in held[:20]}
    np.testing.assert_array_equal(some, catalog.some_captions(photos.id, 7, seed=1))
    assert len(catalog.some_captions(photos.id, 100, seed=1)) == 20
    assert catalog.some_captions(catalog.create("none", SPACE, {}).id, 5, seed=1).shape == (0, 4)


def test_a_promise_of_another_space_is_none(catalog: Catalog) -> None:
    photos = catalog.create("photos", SPACE, {})
    elsewhere = replace(photos, space=Space("toy", "other", "p", 4))
    catalog.set_promise(elsewhere, "image", StoredPromise(ASKED, rows(1)))
    assert catalog.promise(photos.id, "image") is None
