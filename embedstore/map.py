"""A collection's pictures on a plane, where like lies near like.

The plane is spanned by the two directions in which a sample of the pictures' vectors differs most.
Pearson, "On Lines and Planes of Closest Fit to Systems of Points in Space", 1901.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from embedstore.collection import Collection
from embedstore.errors import Invalid
from embedstore.index_faults import meaningful_errors
from embedstore.types import Item, Vectors
from indexer.clustering import spherical_clusters

MOST_POINTS = 4_000
POINTS = 2_000
MOST_GROUPS = 12


@dataclass(frozen=True)
class Point:
    """A picture on the plane.

    Attributes:
        key: Of its item.
        x: Place, -1 to 1.
        y: Place, -1 to 1.
        group: Position among the groups.
    """

    key: str
    x: float
    y: float
    group: int


@dataclass(frozen=True)
class Group:
    """Pictures of the sample that show the same kind of thing.

    Attributes:
        item: The one nearest to their centre.
        size: How many they are.
    """

    item: Item
    size: int


@dataclass(frozen=True)
class Map:
    """What was drawn.

    Attributes:
        points: Of the sample, in the order they were stored.
        groups: The largest first.
        pictures: In the whole collection.
    """

    points: tuple[Point, ...]
    groups: tuple[Group, ...]
    pictures: int


def map_of(collection: Collection, most: int = POINTS) -> Map:
    """Lay a collection's pictures on a plane; always the same one for the same pictures.

    Args:
        collection: Holds the pictures.
        most: Pictures that are drawn; a sample where there are more.

    Raises:
        Invalid: `most` is not in 1 to 4,000.
    """
    if not 1 <= most <= MOST_POINTS:
        raise Invalid(f"most is {most}; expected 1 to {MOST_POINTS:,} points")
    with collection.catalog.as_opened(collection.info):
        pictures, rows, halves = collection.catalog.sample(collection.info.id, "image", most)
        items = collection.catalog.items(collection.info.id, rows.tolist())
    there = np.array([row in items for row in rows.tolist()], dtype=bool)  # deleted meanwhile
    vectors, drawn = halves[there].astype(np.float32), list(items.values())
    if not drawn:
        return Map((), (), pictures)
    places = plane(vectors)
    of, central = _grouped(vectors)
    points = zip(drawn, places.tolist(), of.tolist(), strict=True)
    sizes = np.bincount(of)
    return Map(
        tuple(Point(item.key, x, y, group) for item, (x, y), group in points),
        tuple(Group(drawn[at], int(sizes[n])) for n, at in enumerate(central)),
        pictures,
    )


def plane(vectors: Vectors) -> Vectors:
    """Give `(n, 2)` places in -1..1 for vectors `(n, d)`: their first two principal components."""
    apart = vectors - vectors.mean(axis=0)
    _, directions = np.linalg.eigh(apart.T @ apart)  # a fifth of the time of an SVD of the rows
    two = directions[:, ::-1][:, :2].T
    largest = np.abs(two).argmax(axis=1)
    two = two * np.sign(two[np.arange(len(two)), largest])[:, None]  # which is otherwise open
    places = np.zeros((len(vectors), 2), np.float32)
    places[:, : len(two)] = apart @ two.T
    widest = np.abs(places).max(axis=0)
    places /= np.where(widest > 1e-6, widest, 1)
    return places


def _grouped(vectors: Vectors) -> tuple[NDArray[np.int64], list[int]]:
    """Give the group of each of `(n, d)` vectors, and the position nearest to each centre."""
    with meaningful_errors():
        centres, of = spherical_clusters(
            vectors, min(MOST_GROUPS, max(1, round((len(vectors) / 2) ** 0.5)))
        )
    filled, sizes = np.unique(of, return_counts=True)
    ordered = filled[np.argsort(-sizes, kind="stable")]
    number = np.zeros(len(centres), np.int64)
    number[ordered] = np.arange(len(ordered))
    fits = np.einsum("nd,nd->n", vectors, centres[of])
    central = [int(np.where(of == each, fits, -np.inf).argmax()) for each in ordered]
    return number[of], central
