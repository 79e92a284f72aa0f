"""The HTTP routes of searches: one, many, in pages, explained."""

from contextlib import nullcontext
from dataclasses import asdict
from typing import Annotated

from fastapi import File, Form, UploadFile

from api import dependencies
from api.dependencies import Decoding, Encoders, Named
from api.documented import errors
from api.ready_encoders import ReadyEncoders
from api.schemas import Explained, Found, FoundPage, Search, Searches, SearchPage
from api.shown import hit_on_wire
from api.uploads import json_part
from embedstore import Collection, Query

router = dependencies.router("search")


@router.post("/collections/{name}/search", responses=errors(404, 409))
def search(
    wanted: Search, collection: Named, decoding: Decoding, encoders: Encoders
) -> list[Found]:
    """Find the nearest items, best first."""
    asked = query_of(wanted)
    _serve(collection, encoders, asked)
    with nullcontext() if asked.image is None else decoding:
        hits = collection.search(asked)
    return [hit_on_wire(collection.name, hit) for hit in hits]


@router.post("/collections/{name}/search/upload", responses=errors(404, 409))
def search_upload(
    image: Annotated[UploadFile, File(description="A picture to look for.")],
    collection: Named,
    decoding: Decoding,
    encoders: Encoders,
    query: Annotated[
        str, Form(description="JSON, what `search` takes.", examples=['{"k": 5}'])
    ] = "{}",
) -> list[Found]:
    """Find the items nearest to an uploaded picture, weighed against words where some are given."""
    asked = query_of(json_part(Search, query, "query"), image.file.read())
    encoders.serve(collection)
    with decoding:
        hits = collection.search(asked)
    return [hit_on_wire(collection.name, hit) for hit in hits]


@router.post("/collections/{name}/explain", responses=errors(404, 409))
def explain(wanted: Search, collection: Named) -> list[Explained]:
    """Say how a search is done: which index, what recall it promises, what the filter allows."""
    found = collection.explain(query_of(wanted))
    return [Explained(**asdict(each), words=str(each)) for each in found]


@router.post("/collections/{name}/search_many", responses=errors(404, 409))
def search_many(
    wanted: Searches, collection: Named, decoding: Decoding, encoders: Encoders
) -> list[list[Found]]:
    """Find the nearest items for each of several queries, as `search` does, in less time."""
    asked = [query_of(each) for each in wanted.queries]
    _serve(collection, encoders, *asked)
    with decoding if any(each.image is not None for each in asked) else nullcontext():
        found = collection.search_many(asked)
    return [[hit_on_wire(collection.name, hit) for hit in hits] for hits in found]


@router.post("/collections/{name}/search_page", responses=errors(404, 409))
def search_page(
    wanted: SearchPage, collection: Named, decoding: Decoding, encoders: Encoders
) -> FoundPage:
    """Find the nearest items, k at a time; none is skipped or repeated while others change."""
    asked = query_of(wanted)
    _serve(collection, encoders, asked)
    with nullcontext() if asked.image is None else decoding:
        page = collection.search_page(asked, wanted.cursor)
    hits = [hit_on_wire(collection.name, hit) for hit in page.hits]
    return FoundPage(hits=hits, cursor=page.cursor)


def _serve(collection: Collection, encoders: ReadyEncoders, *queries: Query) -> None:
    """Share the encoder with other requests, where anything is to be encoded."""
    if any(each.text or each.image is not None or each.without for each in queries):
        encoders.serve(collection)


def query_of(wanted: Search, image: bytes | None = None) -> Query:
    """Give the query that a request means.

    Args:
        wanted: What was sent.
        image: A picture that was sent beside it.
    """
    return Query(
        text=wanted.text,
        image=wanted.image_base64 if image is None else image,
        like=wanted.like,
        without=tuple(wanted.without),
        unlike=tuple(wanted.unlike),
        text_weight=wanted.text_weight,
        target=wanted.target,
        k=wanted.k,
        where=wanted.where,
        diversity=wanted.diversity,
        min_score=wanted.min_score,
        min_probability=wanted.min_probability,
    )
