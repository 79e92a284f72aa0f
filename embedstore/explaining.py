"""Why a search found what it found: which index, how much of the exact answer, which filter."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from embedstore.catalog import Catalog, CollectionInfo
from embedstore.indices import Indices
from embedstore.query_vector import check, scores_all, share_of_text
from embedstore.types import MODALITIES, Modality, Query

NO_INDEX = "none"


@dataclass(frozen=True)
class Explanation:
    """How one modality was searched.

    Attributes:
        modality: Whose index.
        kind: Of the published index; "none" where none is in use and every vector is scored.
        promise: "exact", "uncalibrated", or the evidence of a measured promise; see
            `Promise.evidence`.
        tail: Vectors that are not in the index, searched exactly.
        allowed: Items that the filter allows; None without one.
        corrected: Whether hubs lose their bias.
        expanded: Whether the words are moved towards the first hits.
    """

    modality: Modality
    kind: str
    promise: str | Mapping[str, Any]
    tail: int
    allowed: int | None
    corrected: bool
    expanded: bool

    def __str__(self) -> str:
        parts = [f"{self.modality} index {self.kind}, {self._promised()}"]
        if self.kind == NO_INDEX:
            parts = [f"no {self.modality} index in use, all {self.tail:,} vectors searched exactly"]
        elif self.tail:
            parts.append(f"{self.tail:,} newer vectors searched exactly")
        if self.allowed is not None:
            parts.append(f"the filter allows {self.allowed:,} items")
        if self.corrected:
            parts.append("hubs corrected")
        if self.expanded:
            parts.append("query expanded")
        return "; ".join(parts)

    def _promised(self) -> str:
        if isinstance(self.promise, str):
            return self.promise
        told = self.promise
        state = "at least" if told["kept"] else f"BELOW the promised {told['recall']:g}: at least"
        return (
            f"finds {state} {told['bound']:.3f} of the {told['k']} exact neighbours "
            f"({told['queries']:,} queries of {told['source']}, {told['date'][:10]}, "
            f"commit {told['seq']})"
        )


def explain(
    query: Query, catalog: Catalog, info: CollectionInfo, indices: Indices
) -> tuple[Explanation, ...]:
    """Say how a query is searched, one explanation for each modality.

    Raises:
        BadQuery: The query says nothing or asks for the impossible.
        BadFilter: `where` does not parse or names an unknown field.
    """
    check(query)
    allowed = None if query.where is None else len(catalog.allowed(info.id, query.where))
    told: Mapping[Modality, Mapping[str, Any]] = indices.describe()
    words = share_of_text(query) > 0
    expands = bool(indices.info.options.get("expand", False)) and share_of_text(query) == 1.0
    return tuple(
        Explanation(
            modality,
            str(told[modality]["kind"]) if told[modality]["published"] else NO_INDEX,
            "exact" if scores_all(query) else told[modality]["promise"],
            int(told[modality]["tail"]),
            allowed,
            modality == "image" and words and indices.bank_size() > 0,
            modality == "image" and expands and query.target == "image",
        )
        for modality in MODALITIES
        if query.target in (modality, "both")
    )
