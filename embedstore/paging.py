"""The hits of one search page by page, while the collection lives on.

The first page fixes a commit: what is stored later does not appear, what is deleted later vanishes
from the pages that follow, and so does what is replaced, for it is deleted and stored again. As a
row's vectors never change, the rows that are left keep their order, and a page goes on behind the
last row of the page before, with the same vector: an encoder gives a text other bits beside other
texts. That needs scores that are the same whatever index is in use: every
row is scored, and those near the ends of a page once more without any rounding.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from xxhash import xxh3_128_hexdigest

from embedstore import cursor as cursors
from embedstore.catalog import Catalog, CollectionInfo
from embedstore.cursor import Place
from embedstore.errors import BadQuery
from embedstore.hubness import asked as with_bias
from embedstore.indices import Indices
from embedstore.query_vector import check, share_of_text
from embedstore.ranking import Ranked, hits, ranked
from embedstore.searching import ATTEMPTS, composed, good_enough, skipped
from embedstore.types import Encoder, Hit, Modality, Query, Vectors, digest

# Stored numbers are multiples of 2^-24 (float16); a query rounded to multiples of 2^-27 gives
# products of 51 binary places and sums below 4: float64 holds every one of them exactly, so that
# no order of summation matters.
_GRAIN = 2.0**27
SPARE = 16  # rows asked for beyond those wanted: some lie on the page before, or are newer


@dataclass(frozen=True)
class Page:
    """A part of the hits of a search.

    Attributes:
        hits: Best first; ranks go on from page to page.
        cursor: Gives the next page; None where this is the last.
    """

    hits: list[Hit]
    cursor: str | None


def search_page(
    query: Query,
    cursor: str | None,
    catalog: Catalog,
    info: CollectionInfo,
    indices: Indices,
    encoder: Callable[[], Encoder],
) -> Page:
    """Give the next k hits of an exact search; see `searching.search` for what is raised.

    Args:
        query: What to look for; k may differ from page to page.
        cursor: Of the page before; None for the first.
        catalog: Holds the items.
        info: The collection.
        indices: Hold its vectors.
        encoder: Gives its encoder.

    Raises:
        BadQuery: The cursor is of another search, or these hits cannot be given in pages.
    """
    indices.refresh()
    _check(query, indices.info)
    given = None if cursor is None else cursors.read(cursor, info.id, info.space.dim)
    vector, skip = _asked_with(query, given, catalog, info, encoder)
    for _attempt in range(ATTEMPTS):
        indices.refresh()
        question = _question(query, indices)
        place = _begun(cursor, given, info, question, vector, indices)
        newest = catalog.last_row(info.id, place.seq)
        search = _Search(query, vector, skip, newest, catalog, info, indices)
        following = search.after(place, query.k + 1)
        found = good_enough(query, following[: query.k], indices)
        _, items = catalog.lookup(info.id, [each.row for each in found], info.name)
        if len(items) == len(found) and question == _question(query, indices):
            break
    shown = [replace(hit, rank=place.given + hit.rank) for hit in hits(found, items)]
    # Scores and probabilities only fall: the first that is left out ends the pages
    if len(following) <= query.k or len(found) < query.k:
        return Page(shown, None)
    last = found[-1]
    reached = replace(place, score=last.score, row=last.row, given=place.given + len(shown))
    return Page(shown, reached.cursor())


def _check(query: Query, info: CollectionInfo) -> None:
    """Refuse hits whose order depends on other hits, which may be deleted between two pages."""
    if query.target == "both":
        raise BadQuery(
            "target is both, which fuses ranks, and ranks change as items are deleted; expected "
            "image or text for a search in pages: ask for the pages of each"
        )
    if query.diversity:
        raise BadQuery(
            f"diversity is {query.diversity}, which compares hits with each other; expected 0 for "
            "a search in pages: leave diversity out, or ask for more hits at once with k"
        )
    if info.options.get("expand", False):
        raise BadQuery(
            f"collection {info.name!r} moves queries towards their first hits, which may be "
            "deleted between two pages; ask for more hits at once with k, or switch that off: "
            f"`embedstore calibrate --collection {info.name} --expand off`"
        )


def _asked_with(
    query: Query,
    place: Place | None,
    catalog: Catalog,
    info: CollectionInfo,
    encoder: Callable[[], Encoder],
) -> tuple[Vectors, int | None]:
    """Give what `composed` gives; the vector of the first page where this is a later one."""
    if place is None:
        return composed(query, catalog, info, encoder)
    check(query)
    return np.frombuffer(place.vector, "<f4"), skipped(query, catalog, info)


def _question(query: Query, indices: Indices) -> str:
    """Name all that decides which rows are given, and in which order."""
    vector = None if query.vector is None else np.asarray(query.vector, "<f4").tobytes().hex()
    image = b"" if query.image is None else query.image
    picture = xxh3_128_hexdigest(image if isinstance(image, bytes) else os.fsencode(image))
    words = (query.text, float(query.text_weight), query.without, query.like, query.unlike)
    least = [one if one is None else float(one) for one in (query.min_score, query.min_probability)]
    told = (vector, picture, *words, query.target, query.where, *least, indices.bank_name)
    return digest(repr(told))  # as text may hold what is no Unicode


def _begun(
    cursor: str | None,
    place: Place | None,
    info: CollectionInfo,
    question: str,
    vector: Vectors,
    indices: Indices,
) -> Place:
    if cursor is None or place is None:
        pinned = vector.astype("<f4").tobytes()
        return Place(info.id, question, indices.seq, vector=pinned)
    cursors.check_asked(cursor, place, question)
    if place.seq > indices.seq:
        raise cursors.refused(
            cursor, f"it saw commit {place.seq}, and the last is {indices.seq}: a backup is back"
        )
    return place


@dataclass(frozen=True)
class _Search:
    """One search among the rows that its first page could see."""

    query: Query
    vector: Vectors
    skip: int | None
    newest: int
    catalog: Catalog
    info: CollectionInfo
    indices: Indices

    def after(self, place: Place, wanted: int) -> list[Ranked]:
        """Give the rows that follow a place, all of those wanted unless there are fewer."""
        allow = None
        if self.query.where is not None:
            allow = self.catalog.allowed(self.info.id, self.query.where, self.indices.seq)
        share, modality = share_of_text(self.query), self._modality
        # No more than there can be: whoever makes up a cursor shall not ask for all memory
        depth = min(place.given, self.newest) + wanted + SPARE
        while True:
            found = self.indices.neighbors(modality, self.vector, depth, allow, share, exact=True)
            near = ranked(found, modality)
            following = self._following(near, place)[:wanted]
            if len(near) < depth:
                return following
            # What was not found scores no more than the last that was, but for rounding
            unseen = near[-1].score + self._rounding
            if len(following) == wanted and following[-1].score > unseen:
                return following
            depth *= 4

    @property
    def _modality(self) -> Modality:
        return "text" if self.query.target == "text" else "image"

    @property
    def _rounding(self) -> float:
        # Bound of a float32 sum of products of unit vectors in any order, twice over
        return float(2 * (self.info.space.dim + 1) * np.finfo(np.float32).eps)

    def _following(self, near: Sequence[Ranked], place: Place) -> list[Ranked]:
        """Score rows without rounding, and give those after a place in their order."""
        slack = self._rounding
        kept = [
            each
            for each in near
            if each.row <= self.newest
            and each.row != self.skip
            and each.score <= place.score + slack
        ]
        unsure = sum(each.score >= place.score - slack for each in kept)
        enough = kept[: unsure + self.query.k + 1]
        if not enough:
            return []
        least = enough[-1].score - 2 * slack
        scored = [self._scored(each.row) for each in kept if each.score >= least]
        after = [each for each in scored if each and place.is_before(each.score, each.row)]
        return sorted(after, key=lambda each: (-each.score, each.row))

    def _scored(self, row: int) -> Ranked | None:
        """Score a row exactly; None where it was deleted meanwhile."""
        stored = self.indices.stored(self._modality, row)
        if not len(stored):
            return None
        scores = exact_scores(self._asked(stored.shape[1]), stored)
        part = int(np.argmax(scores))
        return Ranked(row, float(scores[part]), part if self.query.target == "text" else None)

    def _asked(self, width: int) -> Vectors:
        if width == len(self.vector):
            return self.vector
        asked: Vectors = with_bias(self.vector[None, :], share_of_text(self.query))[0]
        return asked


def exact_scores(query: Vectors, stored: Vectors) -> NDArray[np.float64]:
    """Score vectors of stored precision so that no machine and no order of summation differs.

    Args:
        query: `(d,)`, unit; it is rounded to eight digits.
        stored: `(m, d)`, numbers that float16 holds.

    Returns:
        `(m,)`, without rounding.
    """
    rounded = np.round(query.astype(np.float64) * _GRAIN) / _GRAIN
    scores: NDArray[np.float64] = stored.astype(np.float64) @ rounded
    return scores
