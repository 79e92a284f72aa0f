"""The law of query banks, on both databases."""

import numpy as np
import pytest

from embedstore.catalog import Catalog
from embedstore.errors import NotFound
from embedstore.types import Space

SPACE = Space("toy", "w", "p", 4)


def rows(seed: int) -> np.ndarray:
    made = np.random.default_rng(seed).standard_normal((5, 4))
    made /= np.linalg.norm(made, axis=1, keepdims=True)
    return made.astype(np.float16).astype(np.float32)


def test_a_bank_comes_back_as_it_was_kept(catalog: Catalog) -> None:
    photos = catalog.create("photos", SPACE, {})
    assert catalog.bank_name(photos.id) is None
    assert catalog.bank(photos.id) is None
    name = catalog.set_bank(photos.id, rows(1), 0.5)
    kept = catalog.bank(photos.id)
    assert kept is not None
    assert (kept.name, kept.weight) == (name, 0.5)
    assert catalog.bank_name(photos.id) == name
    np.testing.assert_array_equal(kept.vectors, rows(1))


def test_each_change_of_the_bank_is_a_commit_and_has_a_name(catalog: Catalog) -> None:
    photos = catalog.create("photos", SPACE, {})
    changes = [(rows(1), 0.5), (rows(2), 0.5), (rows(2), 0.25)]
    names = [catalog.set_bank(photos.id, *change) for change in changes]
    assert len(set(names)) == 3
    assert catalog.set_bank(photos.id, rows(2), 0.25) == names[-1]
    assert catalog.set_bank(photos.id, None, 0.5) is None
    assert catalog.bank(photos.id) is None
    assert catalog.seq(photos.id)[0] == 5


def test_a_bank_goes_with_its_collection(catalog: Catalog) -> None:
    photos, other = (catalog.create(name, SPACE, {}) for name in ("photos", "other"))
    catalog.set_bank(photos.id, rows(1), 0.5)
    kept = catalog.set_bank(other.id, rows(1), 0.5)
    catalog.drop("photos")
    assert catalog.bank_name(photos.id) is None
    assert catalog.bank_name(other.id) == kept
    with pytest.raises(NotFound, match="is gone"):
        catalog.set_bank(photos.id, rows(1), 0.5)


def test_a_part_takes_the_place_of_a_bank_unless_another_did(catalog: Catalog) -> None:
    photos = catalog.create("photos", SPACE, {"relevance": {"bank": None}, "expand": True})
    catalog.set_bank(photos.id, rows(1), 0.5, of_captions=True)
    whole = catalog.bank(photos.id)
    assert whole is not None
    assert whole.of_captions
    measured = {"relevance": {"bank": whole.name}, "expand": True}
    catalog.change_options(photos, lambda _: measured)
    catalog.shrink_bank(photos.id, whole, whole.vectors[1:])
    part = catalog.bank(photos.id)
    assert part is not None
    assert (part.weight, part.of_captions) == (0.5, True)
    np.testing.assert_array_equal(part.vectors, rows(1)[1:])
    assert catalog.options(photos.id) == {"relevance": {"bank": part.name}, "expand": True}
    catalog.shrink_bank(photos.id, whole, None)
    assert catalog.bank_name(photos.id) == part.name
    catalog.shrink_bank(photos.id, part, None)
    assert catalog.bank(photos.id) is None
